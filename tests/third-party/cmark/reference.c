// The same C as a program of this machine: standard input to standard output.
#include <stdio.h>
#include <stdlib.h>

#include "cmark-gfm-core-extensions.h"
#include "cmark-gfm.h"

#define OPTIONS (CMARK_OPT_VALIDATE_UTF8 | CMARK_OPT_FOOTNOTES)

int main(void) {
  static const char *const extensions[] = {"table", "strikethrough", "autolink", "tagfilter", "tasklist"};
  char chunk[65536];
  size_t length;
  cmark_gfm_core_extensions_ensure_registered();
  cmark_parser *parser = cmark_parser_new(OPTIONS);
  for (size_t at = 0; at < sizeof extensions / sizeof *extensions; at++)
    cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(extensions[at]));
  while ((length = fread(chunk, 1, sizeof chunk, stdin)) > 0) cmark_parser_feed(parser, chunk, length);
  cmark_node *document = cmark_parser_finish(parser);
  fputs(cmark_render_html(document, OPTIONS, cmark_parser_get_syntax_extensions(parser)), stdout);
  return 0;
}
