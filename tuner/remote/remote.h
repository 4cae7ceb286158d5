/* remote: speaking to a service. This room's one public header. */
#ifndef TUNER_REMOTE_REMOTE_H
#define TUNER_REMOTE_REMOTE_H

#include "tuner/remote/caller.h"
#include "tuner/remote/client.h"
#include "tuner/remote/errand.h"

#endif
