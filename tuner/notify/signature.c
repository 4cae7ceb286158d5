#include "tuner/notify/signature.h"

#include "tuner/base/digest.h"

#include <stdlib.h>
#include <string.h>

static const char *id_of(const struct notice *n, struct arena *a)
{
    unsigned char hash[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    const char *what = arena_printf(a, "%s\n%s\n%lld", n->study, n->key, (long long)n->at_ms);
    digest(what, strlen(what), hash);
    return arena_printf(a, "msg_%.32s", digest_hex(hash, hex));
}

const char **signature_headers(const struct channel_plan *plan, const struct notice *n, const char *body,
                               int64_t wall_ms, struct arena *a)
{
    unsigned char mac[DIGEST_BYTES];
    size_t own = 0;
    while (plan->header[own]) own++;
    const char **all = arena_array(a, own + 4, sizeof *all), *id = id_of(n, a);
    memcpy(all, plan->header, own * sizeof *all);
    all[own] = arena_printf(a, "webhook-id: %s", id);
    all[own + 1] = arena_printf(a, "webhook-timestamp: %lld", (long long)(wall_ms / 1000));
    if (!plan->secret) return all;
    const char *what = arena_printf(a, "%s.%lld.%s", id, (long long)(wall_ms / 1000), body);
    digest_hmac(plan->secret, plan->n_secret, what, strlen(what), mac);
    char *code = digest_base64(mac, sizeof mac);
    all[own + 2] = arena_printf(a, "webhook-signature: v1,%s", code);
    free(code);
    return all;
}
