use crate::{Desk, has, write};

#[tokio::test]
async fn what_is_wrong_with_a_new_plugin_is_said_and_nothing_is_written_over() {
    let desk = Desk::new("mistakes-new");
    let (_, said) = desk
        .failed(".", &["new", "My_Plugin", "--lang", "rust"], 2)
        .await;
    has(&said, &["begins with a small letter"]);
    desk.failed(".", &["new", "mine", "--lang", "cobol"], 2)
        .await;
    std::fs::create_dir(desk.folder("mine")).expect("a folder");
    write(&desk.folder("mine/precious"), "text");
    let (_, said) = desk
        .failed(".", &["new", "mine", "--lang", "rust"], 1)
        .await;
    has(&said, &["mine", "nothing is written over"]);
    assert_eq!(
        std::fs::read_dir(desk.folder("mine"))
            .expect("there")
            .count(),
        1
    );
}

#[tokio::test]
async fn what_is_no_plugin_is_said_with_what_to_do() {
    let desk = Desk::new("mistakes-none");
    for command in [&["build"][..], &["check"], &["test"], &["run", "a.ini"]] {
        write(&desk.folder("a.ini"), "");
        let (_, said) = desk.failed(".", command, 1).await;
        has(
            &said,
            &[
                "no plugin is written here",
                "realm plugin new NAME --lang rust",
            ],
        );
    }
    let core = wat::parse_str("(module)").expect("a module");
    std::fs::write(desk.folder("core.wasm"), core).expect("a folder to write to");
    let (found, said) = desk.failed(".", &["check", "core.wasm"], 1).await;
    has(&found, &["FAILED   install", "core.wasm"]);
    has(&said, &["a host would not install it"]);
}

#[tokio::test]
async fn options_that_are_no_object_are_a_mistake_of_use() {
    let desk = Desk::new("mistakes-options");
    write(&desk.folder("a.ini"), "");
    let (_, said) = desk
        .failed(".", &["run", "a.ini", "--options", "[1]"], 2)
        .await;
    has(&said, &["options are a JSON object"]);
}
