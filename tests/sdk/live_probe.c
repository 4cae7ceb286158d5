/* What test_live_sdk.py asks of the C SDK of rollouts.
 *
 *   live_probe place SALT <UNITS             a line each: the place as 13 hexadecimal digits, or -
 *   live_probe assign ROLLOUT FOLDER <UNITS  a line each: variant, reason, counted, threshold, model
 *   live_probe say ROLLOUT FOLDER N          N outcomes, then a word, then it waits for the end of its input
 *   live_probe refuse ROLLOUT FOLDER         outcomes that are none
 *   live_probe shadow ROLLOUT FOLDER N       what is in the shadow of N units, and what it would have done; user-1 has
 * none live_probe threads ROLLOUT FOLDER N      each of four threads assigns N times while the ruleset changes
 *   live_probe measure ROLLOUT FOLDER N      assignments a second of a core
 *
 * UNITS: each a number of four bytes, the lowest first, and so many bytes. */
#include "workers/sdk/c/nocturne_live.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const reasons[] = {"SPLIT", "STATIC", "TARGETING_MATCH", "DISABLED", "STALE", "DEFAULT", "ERROR"};

static char unit[1 << 16];

static int next_unit(size_t *ret)
{
    unsigned char n[4];
    if (fread(n, 1, 4, stdin) != 4) return 0;
    *ret = (size_t)n[0] | (size_t)n[1] << 8 | (size_t)n[2] << 16;
    return fread(unit, 1, *ret, stdin) == *ret;
}

static int say_places(const char *salt)
{
    for (size_t n; next_unit(&n);) {
        double at = nocturne_live_place(salt, unit, n);
        if (at < 0)
            puts("-");
        else
            printf("%013llx\n", (unsigned long long)(at * 4503599627370496.0));
    }
    return 0;
}

static void say(void *data, const char *text)
{
    (void)data;
    fprintf(stderr, "%s\n", text);
}

static struct nocturne_live *open_live(char **argv)
{
    struct nocturne_live *l =
        nocturne_live_open(&(struct nocturne_live_options){.rollout = argv[2], .folder = argv[3], .say = say});
    if (!l) perror("nocturne_live_open");
    return l;
}

static int say_variants(struct nocturne_live *l)
{
    for (size_t n; next_unit(&n);) {
        struct nocturne_variant v = nocturne_live_assign(l, unit, n);
        char name[32] = "-";
        nocturne_variant_text(&v, "model", name, sizeof name);
        printf("%s %s %d %g %s\n", v.variant, reasons[v.reason], v.counted,
               nocturne_variant_number(&v, "threshold", -1), name);
    }
    return 0;
}

static int say_outcomes(struct nocturne_live *l, long n)
{
    for (long i = 0; i < n; i++) {
        char name[32], id[32];
        snprintf(name, sizeof name, "c-%ld", i);
        snprintf(id, sizeof id, "o-%ld", i);
        struct nocturne_variant v = nocturne_live_assign(l, name, strlen(name));
        const struct nocturne_live_metric metrics[] = {{"em", 0.1}, {"tokens", (double)i}};
        if (nocturne_live_outcome(
                l, &v, &(struct nocturne_outcome){.id = id, .segment = "a \"b\"\n", .n = 2, .metrics = metrics}))
            return perror("nocturne_live_outcome"), 1;
    }
    puts("said");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}

static int say_nonsense(struct nocturne_live *l)
{
    const double nan_ = strtod("nan", NULL);
    char *longest = calloc(20000, 1);
    memset(longest, 'x', 19999);
    const struct nocturne_live_metric bad[] = {{"em", nan_}, {"\xff", 1}, {longest, 1}, {"em", 1}};
    struct nocturne_variant v = nocturne_live_assign(l, "u", 1);
    for (size_t i = 0; i < 4; i++) {
        errno = 0;
        int failed = nocturne_live_outcome(l, &v, &(struct nocturne_outcome){.n = 1, .metrics = &bad[i]});
        printf("%d %d\n", failed, failed && errno == EINVAL ? 1 : failed && errno == EMSGSIZE ? 2 : 0);
    }
    free(longest);
    return 0;
}

static int say_shadow(struct nocturne_live *l, long n)
{
    struct nocturne_variant in[4], v;
    const struct nocturne_live_metric em[] = {{"em", 1}}, other[] = {{"em", 0}, {"tokens", 90}};
    for (long i = 0; i < n; i++) {
        char name[32], id[32];
        snprintf(name, sizeof name, "c-%ld", i);
        snprintf(id, sizeof id, "o-%ld", i);
        v = nocturne_live_assign(l, name, strlen(name));
        if (nocturne_live_shadow(l, &v, in, 4) != 2 || nocturne_live_shadow(l, &v, in, 1) != 1) return 1;
        printf("%s %g %s %g\n", in[0].variant, nocturne_variant_number(&in[0], "threshold", -1), in[1].variant,
               nocturne_variant_number(&in[1], "threshold", -1));
        const struct nocturne_shadow shadow[] = {{in[0].variant, 2, other}, {in[1].variant, 0, NULL}};
        const struct nocturne_outcome o = {.id = id, .n = 1, .metrics = em, .n_shadow = 2, .shadow = shadow};
        if (nocturne_live_outcome(l, &v, &o)) return 1;
    }
    v = nocturne_live_assign(l, "user-1", 6);
    puts(nocturne_live_shadow(l, &v, in, 4) ? "some" : "none");
    return 0;
}

struct work {
    struct nocturne_live *l;
    long n, odd;
};

static void *assign_many(void *data)
{
    struct work *w = data;
    for (long i = 0; i < w->n; i++) {
        char name[32];
        snprintf(name, sizeof name, "u-%ld", i);
        struct nocturne_variant v = nocturne_live_assign(w->l, name, strlen(name));
        double threshold = nocturne_variant_number(&v, "threshold", -1);
        w->odd += threshold != 1 && threshold != 2;
    }
    return NULL;
}

static int use_threads(struct nocturne_live *l, long n)
{
    pthread_t t[4];
    struct work w[4];
    long odd = 0;
    for (int i = 0; i < 4; i++) w[i] = (struct work){l, n, 0}, pthread_create(&t[i], NULL, assign_many, &w[i]);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL), odd += w[i].odd;
    printf("%ld\n", odd);
    return 0;
}

static int measure(struct nocturne_live *l, long n)
{
    struct timespec a, b;
    long counted = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (long i = 0; i < n; i++) {
        char name[32] = "user-00000000";
        for (long k = i, at = 12; k; k /= 10) name[at--] = (char)('0' + k % 10);
        counted += nocturne_live_assign(l, name, 13).counted;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%.0f assignments/s, %ld counted\n",
           (double)n / ((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec)), counted);
    return 0;
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, ""); /* numbers must not mind */
    const char *verb = argc > 2 ? argv[1] : "";
    if (strcmp(verb, "place") == 0) return say_places(argv[2]);
    struct nocturne_live *l = argc > 3 ? open_live(argv) : NULL;
    int rc = !l                             ? 2
             : strcmp(verb, "assign") == 0  ? say_variants(l)
             : strcmp(verb, "say") == 0     ? say_outcomes(l, atol(argv[4]))
             : strcmp(verb, "refuse") == 0  ? say_nonsense(l)
             : strcmp(verb, "shadow") == 0  ? say_shadow(l, atol(argv[4]))
             : strcmp(verb, "threads") == 0 ? use_threads(l, atol(argv[4]))
             : strcmp(verb, "measure") == 0 ? measure(l, atol(argv[4]))
                                            : 2;
    nocturne_live_close(l);
    return rc;
}
