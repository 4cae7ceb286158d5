#include "tuner/service/mailbox.h"

#include "tuner/base/json.h"

#include <stdlib.h>

bool mailbox_is_read(struct request *r)
{
    return store_hold_taken(r->store, r->param[0]);
}

bool mailbox_leave(struct request *r, const char *verb, const json_t *payload)
{
    int64_t id;
    char *text = json_text(payload);
    enum status st = store_study_id(r->store, r->param[0], &id, &r->err);
    if (!st) st = store_request_add(r->store, id, verb, text, clock_wall_ms(r->service->clock), &r->err);
    free(text);
    return request_checked(r, st);
}

void mailbox_post(struct request *r, const char *verb, const json_t *payload)
{
    if (!mailbox_leave(r, verb, payload)) return;
    json_t *out = json_pack("{s:s, s:s}", "study", r->param[0], "asked", verb);
    if (request_checked(r, request_keep_answer(r, 202, out, &r->err)))
        request_answer(r, 202, out);
    else
        json_decref(out);
}
