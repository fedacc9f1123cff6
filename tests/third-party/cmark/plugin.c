// GitHub's cmark as a plugin: `.cmark` to `.html`. The C in `<package>/third_party/cmark` is as it was published.
#include <stdlib.h>
#include <string.h>

#include "cmark-gfm-core-extensions.h"
#include "cmark-gfm.h"
#include "transpiler_plugin.h"

#ifndef EDITION
#error "the build says which edition it is: -DEDITION"
#endif

#define OPTIONS (CMARK_OPT_VALIDATE_UTF8 | CMARK_OPT_FOOTNOTES)

static const char *EXTENSIONS[] = {"table", "strikethrough", "autolink", "tagfilter", "tasklist"};
static const char MARK[] = "<!-- edition " EDITION " -->\n";

// Strings that are handed out are freed by the bindings.
static transpiler_plugin_string_t text(const char *chars) {
  transpiler_plugin_string_t string;
  transpiler_plugin_string_dup(&string, chars);
  return string;
}

void exports_realm_plugin_about_describe(exports_realm_plugin_about_description_t *description) {
  memset(description, 0, sizeof *description);
  description->name = text("cmark");
  char *version = malloc(64);
  // GitHub counts in four numbers, of which a version has three.
  strcpy(version, "0.29.0+gfm.");
  strcat(version, strrchr(cmark_version_string(), '.') + 1);
  strcat(version, "." EDITION);
  description->version = text(version);
  free(version);
  description->summary = text("GitHub's Markdown (.cmark) to HTML");
  description->transpiles.len = 1;
  description->transpiles.ptr = malloc(sizeof *description->transpiles.ptr);
  description->transpiles.ptr->takes = text(".cmark");
  description->transpiles.ptr->gives = text(".html");
  description->transpiles.ptr->media_type = text("text/html");
}

bool exports_realm_plugin_transpiler_transpile(exports_realm_plugin_transpiler_request_t *request,
                                               exports_realm_plugin_transpiler_output_t *output,
                                               exports_realm_plugin_transpiler_failure_t *failure) {
  (void)failure;
  cmark_gfm_core_extensions_ensure_registered();
  cmark_parser *parser = cmark_parser_new(OPTIONS);
  for (size_t at = 0; at < sizeof EXTENSIONS / sizeof *EXTENSIONS; at++)
    cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(EXTENSIONS[at]));
  cmark_parser_feed(parser, (const char *)request->input.contents.ptr, request->input.contents.len);
  cmark_node *document = cmark_parser_finish(parser);
  char *html = cmark_render_html(document, OPTIONS, cmark_parser_get_syntax_extensions(parser));

  memset(output, 0, sizeof *output);
  size_t length = strlen(html);
  output->contents.len = length + sizeof MARK - 1;
  output->contents.ptr = realloc(html, output->contents.len);
  memcpy(output->contents.ptr + length, MARK, sizeof MARK - 1);

  cmark_node_free(document);
  cmark_parser_free(parser);
  exports_realm_plugin_transpiler_request_free(request);
  return true;
}
