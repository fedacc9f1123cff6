//! Compilers and renderers that people really use, as plugins: `make third-party` builds them out of npm and PyPI. Each is
//! installed on two hosts at once, serves a realm of real inputs, is upgraded and removed under load; what is served is
//! compared with what the same program gives without a host.

mod built;
mod load;
mod pages;
mod stage;
mod transpilers;

use built::Foreign;

#[tokio::test(flavor = "multi_thread")]
async fn svelte_compiles_components() {
    transpilers::live(&Foreign {
        name: "svelte",
        takes: ".svelte",
        mark: |edition| format!("\n/* edition {edition} */\n"),
        broken: ("{#if open}\n<p>never closed</p>\n", "block_unclosed", 1),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn docutils_writes_pages_of_restructuredtext() {
    transpilers::live(&Foreign {
        name: "docutils",
        takes: ".rst",
        mark: |edition| format!("<!-- edition {edition} -->\n"),
        broken: (
            "Text.\n\n.. csv-table:: Rows\n   :file: none.csv\n",
            "severe",
            3,
        ),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cmark_writes_pages_of_markdown() {
    transpilers::live(&Foreign {
        name: "cmark",
        takes: ".cmark",
        mark: |edition| format!("<!-- edition {edition} -->\n"),
        // To Markdown, nothing is wrong.
        broken: ("", "", 0),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asciidoctor_renders_documents_and_what_they_include() {
    pages::live(&Foreign {
        name: "asciidoctor",
        takes: ".adoc",
        mark: |edition| format!("\n<!-- edition {edition} -->\n"),
        broken: ("", "", 0),
    })
    .await;
}
