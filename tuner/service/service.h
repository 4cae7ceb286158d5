/* service: many studies, users and machines, over HTTP.
 *
 *     struct service *s = NULL;
 *     service_create(&options, loop, &s, &err);
 *     uv_run(loop, UV_RUN_DEFAULT);          until service_close has done its work
 *
 * Studies that were at work when the last process ended are at work again; others are started by requests. All the
 * resources are in openapi.yaml; what may go wrong and who may do harm is in README.md.
 */
#ifndef TUNER_SERVICE_SERVICE_H
#define TUNER_SERVICE_SERVICE_H

#include "tuner/service/auth.h"
#include "tuner/service/options.h"

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct service;

enum status service_create(const struct service_options *options, uv_loop_t *loop, struct service **ret,
                           struct error *err);
bool service_has_page(void); /* false: it was built without */
uint16_t service_port(const struct service *s);
/* A service with a guest: a token for whoever may see and do all, valid as long as the service lives, and nowhere
 * written down. text: TOKEN_TEXT_MAX. */
void service_pass(struct service *s, const char *name, char *ret_text);
/* options.guest has ended: from now on it is what the database has of it. The caller may free it once service_has_guest
 * is false, which takes turns of the loop. */
void service_guest_ended(struct service *s);
bool service_has_guest(const struct service *s);
/* Leaves all studies: what runs here is ended, agents and clients go on by themselves until a service is back. */
void service_close(struct service *s);

#endif
