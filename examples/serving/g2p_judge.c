/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * g2p_judge: how good would the server be with this model and this confidence, on the words of a file? A trial of the
 * study that tunes what is served: some milliseconds, and nothing in it is random.
 *
 * em      share of the words whose whole output equals any pronunciation of them
 * tokens  letters a word costs, as an mlp of 128 units counts them (LETTER_COST in speaker.h)
 * asked   share of the words that the large model was asked, too
 */
#include "examples/g2p/option.h"
#include "examples/g2p/speaker.h"

#include "workers/sdk/c/nocturne.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    const char *words, *model, *large;
    double confidence;
};

struct tally {
    double right, asked, cost;
};

static void open_or_die(struct speaker *s, const char *path)
{
    const char *wrong = speaker_open(s, path);
    if (wrong) die(wrong, path);
}

/* Each word is an item, known by its letters, so that configurations are compared on the same words. */
static void say_word(struct nocturne *out, const struct word *w, const struct tally *one)
{
    char text[WORD_MAX + 1] = "";
    for (size_t i = 0; i < w->len; i++) text[i] = (char)(w->letter[i] - 1 + 'a');
    nocturne_item(out, text, 3,
                  (struct nocturne_metric[]){{"em", one->right}, {"tokens", one->cost / LETTER_COST}, {"asked", one->asked}});
}

static struct tally judge_word(const struct cascade *c, const struct data *d, const struct word *w)
{
    unsigned char chunk[WORD_MAX];
    bool asked = cascade_say(c, w, chunk);
    return (struct tally){model_is_right(d, w, chunk), asked, cascade_cost(c, w->len, asked)};
}

/* In an order of the seed's, for as long as nobody has seen enough. */
static struct tally judge(const struct cascade *c, const struct data *d, struct nocturne *out)
{
    struct tally t = {0};
    size_t *order = zeroed(d->validation.n, sizeof *order);
    nocturne_shuffled(out, d->validation.n, order);
    for (size_t i = 0; i < d->validation.n && !nocturne_should_stop(out); i++) {
        const struct word *w = &d->validation.word[order[i]];
        struct tally one = judge_word(c, d, w);
        say_word(out, w, &one);
        t = (struct tally){t.right + one.right, t.asked + one.asked, t.cost + one.cost};
    }
    free(order);
    return t;
}

static void run(const struct settings *o, const struct data *d, struct nocturne *out)
{
    struct speaker small, large;
    const struct cascade c = {&small, o->confidence > 0 ? &large : NULL, o->confidence};
    open_or_die(&small, o->model);
    if (c.large) open_or_die(&large, o->large);
    struct tally t = judge(&c, d, out);
    double n = (double)d->validation.n;
    const struct nocturne_metric all[] = {{"em", t.right / n}, {"tokens", t.cost / n / LETTER_COST}, {"asked", t.asked / n}};
    if (!nocturne_should_stop(out)) nocturne_result(out, 3, all);
    speaker_close(&small);
    if (c.large) speaker_close(&large);
}

static const struct argp_option options[] = {
    {"words", 'w', "FILE", 0, "classes and validation words, as g2p_prep or g2p_serve write them", 0},
    {"model", 'm', "MODEL", 0, "that says each word", 0},
    {"large", 'l', "MODEL", 0, "that is asked where the first is not sure", 0},
    {"confidence", 'C', "P", 0, "how sure the first must be of a word, 0 to 1; 0, the default: nobody else is asked",
     0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *o = state->input;
    switch (key) {
    case 'w': o->words = arg; return 0;
    case 'm': o->model = arg; return 0;
    case 'l': o->large = arg; return 0;
    case 'C': o->confidence = option_real(arg, 0, 1, state); return 0;
    case ARGP_KEY_END:
        if (!o->words || !o->model) argp_failure(state, 1, 0, "--words and --model say what is judged, and on what");
        if (o->confidence > 0 && !o->large) argp_failure(state, 1, 0, "--confidence needs --large");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    struct settings o = {0};
    const struct argp argp = {options, parse, NULL, "How good would the server be with this configuration?",
                              NULL,    NULL,  NULL};
    option_parse(&argp, argc, argv, &o);
    struct data d = {0};
    data_open_validation(&d, o.words);
    struct nocturne *out = nocturne_open(argc, argv);
    if (!out) die("out of memory", "nocturne");
    run(&o, &d, out);
    nocturne_close(out);
    data_free(&d);
    return 0;
}
