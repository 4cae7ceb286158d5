/* libFuzzer: any bytes as a notify file, and what a notice of its texts becomes. */
#include "tuner/notify/mail.h"
#include "tuner/notify/notify.h"
#include "tuner/notify/signature.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes as texts of others: one line each, and a head that has no line of theirs. */
static void tell(const struct notify_file *f, const char *text)
{
    struct arena a = {0};
    const char *clean = notice_clean(text, &a);
    const struct notice n = {.study = "s", .key = clean, .is = {clean, clean}};
    if (strpbrk(clean, "\n\r\x1b")) __builtin_trap();
    for (size_t i = 0; i < f->n; i++) {
        const char *mail = f->channel[i].kind == CHANNEL_MAIL ? mail_text(&f->channel[i], &n, 0, &a) : NULL;
        const char *head = mail ? strstr(mail, "\n\n") : NULL;
        for (const char *line = mail; head && line < head; line = strchr(line, '\n') + 1)
            if (*line == 'B' || strcspn(line, "\n") > 998) __builtin_trap();
        if (f->channel[i].kind == CHANNEL_WEBHOOK) signature_headers(&f->channel[i], &n, clean, 0, &a);
    }
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notify_file *f = NULL;
    if (notify_file_parse("fuzz.yaml", (const char *)data, size, &f, NULL)) return 0;
    char *text = must_alloc(size + 1, 1);
    memcpy(text, data, size);
    tell(f, text);
    free(text);
    notify_file_free(f);
    return 0;
}
