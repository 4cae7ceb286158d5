/* libFuzzer: any bytes as the ruleset's file of the C SDK; what it takes assigns every unit to one of its variants. */
#include "workers/sdk/c/nocturne_live.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_of(const struct rules *r, const struct face *face)
{
    for (size_t i = 0; i < r->n_faces; i++)
        if (r->faces[i] == face) return 1;
    return 0;
}

static void assign(struct nocturne_live *l, const char *unit)
{
    const struct face *face;
    struct nocturne_variant v = {.unit = unit, .unit_bytes = strlen(unit)};
    char text[64];
    decide(l, &v, 0, &face);
    if (!is_of(l->rules, face)) abort();
    v.parameters = face->parameters;
    nocturne_variant_number(&v, "threshold", 0);
    nocturne_variant_text(&v, "model", text, sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nocturne_live l = {.rollout = "g2p", .until_ms = 1};
    const char *why = NULL;
    l.plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *text = malloc(size + 1); /* as read_file leaves it */
    memcpy(text, data, size);
    text[size] = 0;
    l.rules = read_rules(&l, text, size, &why);
    if (!l.rules == !why) abort();
    free(text);
    for (int i = 0; l.rules && i < 8; i++)
        assign(&l, (const char *[]){"", "u", "user-1", "user-2", "user-3", "\xc3\xa9", "\xff", "a:b"}[i]);
    free_rules(l.rules);
    for (struct face *f = l.faces, *after; f; f = after) {
        after = f->next;
        free_face(f);
    }
    freelocale(l.plain);
    return 0;
}
