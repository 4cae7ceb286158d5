/* notify: who is told what, when, and what becomes of it. This room's one public header.
 *
 * A person's own file says it (notify_file.h); a notifier tells it, on a thread of its own, of the studies at work in
 * this process (notifier.h); what is due lies in the database until it was delivered (postbox.h).
 */
#ifndef TUNER_NOTIFY_NOTIFY_H
#define TUNER_NOTIFY_NOTIFY_H

#include "tuner/notify/live_notice.h"
#include "tuner/notify/notice.h"
#include "tuner/notify/notifier.h"
#include "tuner/notify/notify_file.h"
#include "tuner/notify/postbox.h"
#include "tuner/notify/overview.h"
#include "tuner/notify/trying.h"

#endif
