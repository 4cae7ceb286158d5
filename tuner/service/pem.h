/* pem: a file of certificates, or of a key. */
#ifndef TUNER_SERVICE_PEM_H
#define TUNER_SERVICE_PEM_H

#include "tuner/base/error.h"

/* Its text, which the caller frees. */
enum status pem_read(const char *path, char **ret, struct error *err);

#endif
