/* The page, embedded as it was built (compressed but for its first file), and the beginning of a digest of it all; empty
 * if it was not (-DPAGE=off). */
    .section .rodata
#ifdef NOCTURNE_PAGE
#define EMBED(name, file)            \
    .global service_##name##_begin;  \
    .global service_##name##_end;    \
service_##name##_begin:              \
    .incbin file;                    \
service_##name##_end:
#else
#define EMBED(name, file)            \
    .global service_##name##_begin;  \
    .global service_##name##_end;    \
service_##name##_begin:              \
service_##name##_end:
#endif
EMBED(page_index, "page/out/index.html")
EMBED(page_script, "page/out/page.js.gz")
EMBED(page_style, "page/out/page.css.gz")
EMBED(page_licences, "page/out/third-party.txt.gz")
    .global service_page_tag
service_page_tag:
#ifdef NOCTURNE_PAGE
    .incbin "page/tag", 0, 32
#endif
    .byte 0
    .section .note.GNU-stack, "", @progbits
