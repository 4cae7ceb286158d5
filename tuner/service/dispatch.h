/* dispatch: from a request to its handler. */
#ifndef TUNER_SERVICE_DISPATCH_H
#define TUNER_SERVICE_DISPATCH_H

#include "tuner/service/http.h"

/* http_hooks; data: the service */
void dispatch_begin(void *data, struct http_request *http);
void dispatch_handle(void *data, struct http_request *http);
void dispatch_gone(void *data, struct http_request *http);
bool dispatch_is_valid(void *data, const char *token);
void dispatch_unwelcome(void *data, struct http_request *http);

#endif
