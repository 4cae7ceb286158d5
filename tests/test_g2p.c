/* The demo's networks: gradients, integers, files. */
#include "test.h"

#include "folder.h"

#include "examples/g2p/checkpoint.h"
#include "examples/g2p/compress.h"
#include "examples/g2p/net.h"

enum { N_WORDS = 40, N_CLASSES = 23 };

/* A language of its own: each letter has its chunk, and each third letter changes the next one's. */
static void invent(struct data *d, struct word word[N_WORDS])
{
    uint64_t random = 7;
    *d = (struct data){.classes = N_CLASSES, .train = {.word = word, .n = N_WORDS}};
    for (int c = 0; c < N_CLASSES; c++) snprintf(d->class_name[c], sizeof d->class_name[c], "P%d", c);
    for (int k = 0; k < N_WORDS; k++) {
        struct word *w = &word[k];
        *w = (struct word){.len = (unsigned char)(k == 0 ? WORD_MAX : 1 + random_bits(&random) % 9)};
        for (int i = 0; i < w->len; i++) {
            w->letter[i] = (unsigned char)(1 + random_bits(&random) % 26);
            w->chunk[i] = (unsigned char)((w->letter[i] + (i && w->letter[i - 1] % 3 == 0)) % N_CLASSES);
        }
    }
}

static struct units units_of(const struct architecture *arch, size_t n)
{
    return (struct units){n, arch->taps ? n + UNITS_STEP : 0};
}

static struct net create(const struct architecture *arch, const struct data *d, size_t units, uint64_t seed)
{
    return net_create(arch, units_of(arch, units), d, &seed);
}

static void teach(struct net *n, const struct data *d, int steps)
{
    const struct lesson none = {0};
    for (int i = 0; i < steps; i++) net_train(n, &none, d->train.word, d->train.n, 0.01);
}

/* ---- training ---- */

/* The loss of all words with these weights, by inference. */
static double loss_of(const struct net *n, const struct lesson *l, const struct data *d)
{
    struct pass *p = pass_create(&n->model);
    float logit[WORD_MAX][PAD], teacher[WORD_MAX][PAD] = {{0}};
    double loss = 0;
    for (size_t k = 0; k < d->train.n; k++) {
        const struct word *w = &d->train.word[k];
        model_logits(&n->model, p, w, logit);
        lesson_begin(l, w, teacher);
        for (int i = 0; i < w->len; i++) loss += lesson_loss(l, logit[i], w->chunk[i], teacher[i]);
    }
    free(p);
    return loss;
}

/* A ReLU that switches within ±h is a kink, so a few of the differences may be off; a wrong gradient is wrong in most.
 */
static void check_gradient(const struct architecture *arch, const struct lesson *l, const struct data *d)
{
    struct net n = create(arch, d, 16, 5);
    uint64_t random = 3;
    int seen = 0, off = 0;
    teach(&n, d, 3);
    arch->learn(&n, l, d->train.word, d->train.n);
    while (seen < 120) {
        size_t i = random_bits(&random) % n.n;
        float w = n.w[i], g = n.grad[i];
        if (fabsf(g) < 0.05f) continue; /* a difference of floats would not see it */
        const double h = 1e-3;
        n.w[i] = w + (float)h;
        double up = loss_of(&n, l, d);
        n.w[i] = w - (float)h;
        double down = loss_of(&n, l, d);
        n.w[i] = w;
        seen++;
        off += fabs((up - down) / (2 * h) - (double)g) > 0.02 + 0.02 * fabs((double)g);
    }
    if (off > 6) fail_msg("%s: %d of %d gradients are off", arch->name, off, seen);
    net_done(&n);
}

static void test_net__gradients_are_those_of_finite_differences(void **state)
{
    (void)state;
    static struct word word[N_WORDS];
    struct data d;
    invent(&d, word);
    struct net big = create(&conv, &d, 16, 11);
    teach(&big, &d, 30);
    struct lesson none = {0}, taught = {&big.model, pass_create(&big.model), 0.6f, 3};
    check_gradient(&mlp, &none, &d);
    check_gradient(&conv, &none, &d);
    check_gradient(&mlp, &taught, &d);
    check_gradient(&conv, &taught, &d);
    free(taught.pass);
    net_done(&big);
}

static void test_net__a_teacher_without_a_share_changes_nothing(void **state)
{
    (void)state;
    static struct word word[N_WORDS];
    struct data d;
    invent(&d, word);
    struct net big = create(&conv, &d, 32, 11), alone = create(&mlp, &d, 16, 1), taught = create(&mlp, &d, 16, 1);
    struct lesson none = {0}, l = {&big.model, pass_create(&big.model), 0, 2};
    for (int i = 0; i < 20; i++) {
        net_train(&alone, &none, word, N_WORDS, 0.01);
        net_train(&taught, &l, word, N_WORDS, 0.01);
    }
    assert_memory_equal(alone.w, taught.w, alone.n * sizeof(float));
    l.alpha = 0.5f;
    net_train(&alone, &none, word, N_WORDS, 0.01);
    net_train(&taught, &l, word, N_WORDS, 0.01);
    assert_memory_not_equal(alone.w, taught.w, alone.n * sizeof(float));
    free(l.pass);
    net_done(&big);
    net_done(&alone);
    net_done(&taught);
}

/* ---- integers ---- */

static void fill(struct layer *l, uint64_t *random)
{
    int max = l->bits == 4 ? 7 : 127;
    for (size_t i = 0; i < l->in * l->out; i++) {
        uint64_t r = random_bits(random);
        l->q[i] = (int8_t)(r % 5 == 0 ? max : r % 5 == 1 ? -max : (int)(r >> 8 & 0xffff) % (2 * max + 1) - max);
    }
    for (size_t i = 0; i < l->out; i++) l->start[i] = (int16_t)(random_bits(random) % 32001 - 16000);
}

static void check_products(const struct kernels *k, const struct layer *l, const uint8_t *x, const int32_t *want)
{
    int32_t *y = zeroed(TOGETHER * l->out, sizeof *y);
    for (size_t n = 1; n <= TOGETHER; n++) {
        k->multiply(l, x, 1, n, y);
        for (size_t v = 0; v < n; v++) assert_memory_equal(y + v * l->out, want + v * l->out, l->cols * sizeof *y);
    }
    free(y);
}

/* A model that is all but sure has gradients whose squares are hardly more than nothing. */
static void test_net__a_sure_model_learns_on(void **state)
{
    (void)state;
    static struct word word[N_WORDS];
    struct data d;
    invent(&d, word);
    for (int sure = 10; sure < 100; sure++) {
        struct net n = create(&conv, &d, 16, 1);
        n.model.out.bias[0] = (float)sure;
        teach(&n, &d, 2);
        for (size_t i = 0; i < n.n; i++) assert_true(fabsf(n.w[i]) < 2e9f && fabsf(n.mean[i]) < 2e9f);
        net_done(&n);
    }
}

/* Every number of units, the largest values among them: no sum may overflow. All kernels that this processor has. */
static void test_layer__integers_are_exact(void **state)
{
    (void)state;
    const struct kernels *all[KERNELS_MAX];
    size_t n_kernels = kernels_all(all);
    uint64_t random = 1;
    for (int bits = 4; bits <= 8; bits += 4)
        for (size_t in = 16; in <= 640; in += in < 160 ? 16 : 160)
            for (size_t out = 16; out <= 144; out += 16) {
                struct layer l = {
                    .in = in, .out = out, .cols = out - (out == 80 ? random_bits(&random) % 16 : 0), .bits = bits};
                int32_t *want = zeroed(TOGETHER * out, 4);
                int16_t *sum[KERNELS_MAX];
                uint8_t *x = zeroed(in + TOGETHER - 1, 1); /* each vector begins one later than the one before */
                size_t row[13];
                l.q = zeroed(in, out);
                l.start = zeroed(out, 2);
                fill(&l, &random);
                for (int i = 0; i < 13; i++) row[i] = random_bits(&random) % in * out;
                for (size_t i = 0; i < in + TOGETHER - 1; i++) {
                    uint64_t r = random_bits(&random);
                    x[i] = (uint8_t)(r % 3 == 0 ? 0 : r % 3 == 1 ? layer_input_max(&l) : (int)(r >> 8 & 63));
                }
                for (size_t v = 0; v < TOGETHER; v++)
                    for (size_t i = 0; i < in; i++) /* as written in the header, before it is interleaved */
                        for (size_t c = 0; c < l.cols; c++) want[v * out + c] += x[v + i] * l.q[i * out + c];
                for (size_t k = 0; k < n_kernels; k++) {
                    sum[k] = zeroed(out, 2);
                    all[k]->add_rows(&l, row, 13, sum[k]);
                    assert_memory_equal(sum[k], sum[0], out * 2);
                }
                layer_interleave(&l);
                for (size_t k = 0; k < n_kernels; k++) {
                    check_products(all[k], &l, x, want);
                    free(sum[k]);
                }
                free(want), free(x), free(l.q), free(l.start);
            }
}

static void test_layer__squeezed_units_are_what_they_were(void **state)
{
    (void)state;
    int16_t sum[48];
    float real[48];
    uint8_t x[48];
    uint64_t random = 2;
    for (int round = 0; round < 200; round++) {
        int top = 1 + (int)(random_bits(&random) % 20000);
        for (int i = 0; i < 48; i++)
            real[i] = sum[i] = (int16_t)((int)(random_bits(&random) % (unsigned)(2 * top + 1)) - top);
        for (int max = 63; max <= 127; max += 64) {
            float unit = squeeze_integers(sum, 48, max, x);
            for (int i = 0; i < 48; i++) assert_near(x[i] * (double)unit, sum[i] > 0 ? sum[i] : 0, 0.52 * (double)unit);
            unit = squeeze_floats(real, 48, max, x);
            for (int i = 0; i < 48; i++) assert_near(x[i] * (double)unit, sum[i] > 0 ? sum[i] : 0, 0.51 * (double)unit);
        }
    }
}

/* ---- models ---- */

static const char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    return path;
}

/* A trained model of its own memory; its file is made once. */
static struct model trained(const struct architecture *arch, const struct data *d)
{
    struct model m;
    if (access(path_of(arch->name), R_OK) != 0) {
        struct net n = create(arch, d, 32, 9);
        teach(&n, d, 150);
        m = net_model(&n, n.w);
        assert_int_equal(model_save(&m, path_of(arch->name)), 0);
        net_done(&n);
    }
    assert_null(model_load(&m, path_of(arch->name)));
    return m;
}

static double share_right(const struct model *m, const struct data *d)
{
    struct pass *p = pass_create(m);
    unsigned char chunk[WORD_MAX];
    double right = 0, letters = 0;
    for (size_t k = 0; k < d->train.n; k++) {
        const struct word *w = &d->train.word[k];
        double sure = -1;
        model_decode(m, p, w, chunk, &sure);
        assert_true(sure >= 0 && sure <= 1.0001);
        for (int i = 0; i < w->len; i++, letters++) right += chunk[i] == w->chunk[i];
    }
    free(p);
    return right / letters;
}

static void test_model__survives_its_file_and_compression(void **state)
{
    (void)state;
    static struct word word[N_WORDS];
    static const struct architecture *const all[] = {&mlp, &conv};
    struct data d;
    invent(&d, word);
    for (int a = 0; a < 2; a++)
        for (int bits = 32; bits >= 4; bits -= bits == 32 ? 24 : 4)
            for (int with = 0; with < 6; with++) {
                struct model m = trained(all[a], &d), back;
                size_t before = model_bytes(&m);
                struct compression c = {
                    .bits = bits, .calibration = (enum calibration)(with % 3), .words = with < 3 ? &d.train : NULL};
                assert_true(share_right(&m, &d) > 0.95);
                compress(&m, &c);
                assert_int_equal(model_save(&m, path_of("small")), 0);
                assert_null(model_load(&back, path_of("small")));
                FILE *file = fopen(path_of("small"), "rb");
                fseek(file, 0, SEEK_END);
                assert_int_equal((size_t)ftell(file), model_bytes(&back));
                fclose(file);
                assert_true(bits == 32 ? model_bytes(&back) == before
                                       : model_bytes(&back) * (bits == 8 ? 2 : 3) < before);
                double right = share_right(&back, &d);
                if (right < (bits == 4 ? 0.6 : 0.9))
                    fail_msg("%s, %d bits, %d: %g right", all[a]->name, bits, with, right);
                model_done(&m);
                model_done(&back);
            }
}

/* Units that make nothing are the first to go, and the model says the same without them. */
static void test_compress__takes_out_what_does_nothing(void **state)
{
    (void)state;
    static struct word word[N_WORDS];
    struct data d;
    invent(&d, word);
    for (int with = 0; with < 2; with++) {
        struct model m = trained(&mlp, &d);
        double right = share_right(&m, &d);
        for (size_t u = 1; u < 32; u += 2) { /* half of the units */
            for (size_t r = 0; r < m.letters.in; r++) m.letters.w[r * 32 + u] = 0;
            m.letters.bias[u] = 0;
        }
        double half = share_right(&m, &d);
        compress(&m, &(struct compression){.bits = 32, .sparsity = 0.5, .words = with ? &d.train : NULL});
        assert_int_equal(m.letters.out, 16);
        assert_near(share_right(&m, &d), half, 1e-9);
        assert_true(right >= half);
        model_done(&m);
    }
}

static size_t read_all(const char *path, unsigned char *bytes, size_t max)
{
    FILE *in = fopen(path, "rb");
    size_t n = fread(bytes, 1, max, in);
    fclose(in);
    return n;
}

static void write_all(const char *path, const unsigned char *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(out);
}

/* As sealed.c does it: damage that has the right hash comes through to what reads the rest. */
static void seal_again(unsigned char *bytes, size_t n)
{
    uint64_t h = 14695981039346656037u;
    if (n < 16) return;
    for (size_t i = 0; i < n - 8; i += 8) {
        uint64_t w = 0;
        memcpy(&w, bytes + i, n - 8 - i < 8 ? n - 8 - i : 8);
        h = (h ^ w) * 1099511628211u;
    }
    memcpy(bytes + n - 8, &h, 8);
}

static void test_model__refuses_what_is_no_model(void **state)
{
    (void)state;
    struct model m;
    assert_string_equal(model_load(&m, path_of("none")), "No such file or directory");
    assert_string_equal(model_load(&m, test_folder()), "it is no regular file");
    write_all(path_of("foreign"), (const unsigned char *)"some other text, long enough", 28);
    assert_contains(model_load(&m, path_of("foreign")), "it is no model");
    write_all(path_of("foreign"), (const unsigned char *)"", 0);
    assert_contains(model_load(&m, path_of("foreign")), "it is no model");
    uint64_t mine = 5;
    assert_int_equal(checkpoint_save(path_of("foreign"), &(struct piece){&mine, sizeof mine}, 1), 0);
    assert_contains(model_load(&m, path_of("foreign")), "it is no model");
}

/* Flipped bits and cut ends, with the hash as it was, and with the right one. */
static void test_model__survives_damaged_files(void **state)
{
    (void)state;
    static unsigned char good[1 << 20], bad[1 << 20];
    static struct word word[N_WORDS];
    struct data d;
    uint64_t random = 4;
    invent(&d, word);
    for (int kind = 0; kind < 4; kind++) {
        struct model m = trained(kind % 2 ? &conv : &mlp, &d);
        if (kind >= 2) compress(&m, &(struct compression){.bits = kind == 2 ? 8 : 4});
        assert_int_equal(model_save(&m, path_of("good")), 0);
        size_t n = read_all(path_of("good"), good, sizeof good);
        model_done(&m);
        for (int round = 0; round < 200; round++) {
            size_t left = round % 4 == 0 ? random_bits(&random) % n : n,
                   at = random_bits(&random) % (round % 2 ? 60 : n);
            memcpy(bad, good, n);
            if (round % 4) bad[at] ^= (unsigned char)(1u << random_bits(&random) % 8);
            if (round >= 100) seal_again(bad, left);
            write_all(path_of("bad"), bad, left);
            const char *wrong = model_load(&m, path_of("bad"));
            if (round < 100) assert_non_null(wrong);
            if (wrong) continue;
            share_right(&m, &d); /* it may say anything */
            model_done(&m);
        }
    }
}

static void test_checkpoint__survives_damaged_files(void **state)
{
    (void)state;
    unsigned char good[400], bad[400];
    char a[24] = "first piece", b[104] = "second";
    struct piece piece[] = {{a, sizeof a}, {b, sizeof b}};
    uint64_t random = 6;
    assert_int_equal(checkpoint_save(path_of("good"), piece, 2), 0);
    size_t n = read_all(path_of("good"), good, sizeof good);
    for (int round = 0; round < 200; round++) {
        size_t left = round % 4 == 0 ? random_bits(&random) % n : n;
        memcpy(bad, good, n);
        if (round % 4) bad[random_bits(&random) % n] ^= (unsigned char)(1u << random_bits(&random) % 8);
        write_all(path_of("bad"), bad, left);
        assert_non_null(checkpoint_load(path_of("bad"), piece, 2));
        assert_string_equal(a, "first piece");
        assert_string_equal(b, "second");
    }
    memset(a, 0, sizeof a);
    assert_null(checkpoint_load(path_of("good"), piece, 2));
    assert_string_equal(a, "first piece");
    assert_string_equal(checkpoint_load(path_of("good"), piece, 1), "it is of another network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net__gradients_are_those_of_finite_differences),
        cmocka_unit_test(test_net__a_teacher_without_a_share_changes_nothing),
        cmocka_unit_test(test_net__a_sure_model_learns_on),
        cmocka_unit_test(test_layer__integers_are_exact),
        cmocka_unit_test(test_layer__squeezed_units_are_what_they_were),
        cmocka_unit_test(test_model__survives_its_file_and_compression),
        cmocka_unit_test(test_compress__takes_out_what_does_nothing),
        cmocka_unit_test(test_model__refuses_what_is_no_model),
        cmocka_unit_test(test_model__survives_damaged_files),
        cmocka_unit_test(test_checkpoint__survives_damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
