/* libFuzzer: any bytes as the kept state of a study. What can be read can be said, and read again; whatever is JSON can
 * be passed on. */
#include "tuner/analysis/analysis.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char file[] =
    "study: s\nparameters: {x: {type: float, range: [0, 1]}, c: {type: bool}, y: {type: int, range: [1, 9], when: c == true}}\n"
    "metrics: {em: {goal: maximize, kind: proportion}, tokens: {goal: minimize, kind: count}}\n"
    "objective: {weights: {em: 0.7, tokens: 0.3}}\nconstraints: [em >= 0.4]\nbaseline: {x: 0.5, c: true, y: 3}\n";

static char *said(const struct document *d)
{
    json_t *json = document_kept_json(d);
    char *text = json ? json_tight(json) : NULL;
    json_decref(json);
    return text;
}

static void pass_on(const char *text)
{
    json_t *kept = NULL;
    if (json_parse_object(text, strlen(text), &kept, NULL)) return;
    document_show(kept, false, NULL);
    free(json_tight(kept));
    json_decref(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct study *study;
    struct document d, again;
    struct arena a = {0};
    struct error err;
    char *text = calloc(1, size + 1), *once = NULL;
    if (!study && study_parse("s", file, strlen(file), &study, NULL)) __builtin_trap();
    memcpy(text, data, size);
    if (!document_read(study, text, &a, &d, &err)) {
        once = said(&d);
        if (!once || document_read(study, once, &a, &again, &err)) __builtin_trap();
    }
    pass_on(text);
    free(once);
    free(text);
    arena_done(&a);
    return 0;
}
