/* news: what a coordinator tells whoever watches a run. */
#ifndef TUNER_COORDINATOR_NEWS_H
#define TUNER_COORDINATOR_NEWS_H

enum coordinator_event {
    EVENT_STARTED,  /* trial: an attempt runs */
    EVENT_FINISHED, /* trial: reached a final state, durably */
    EVENT_RETRY,    /* trial: crashed and is queued again; text: why */
    EVENT_CONFIRM,  /* the confirmation begins */
    EVENT_STOPPING, /* text: what happens now */
    EVENT_NOTE,     /* text: something a person should know */
    EVENT_PAUSED,   /* text: why nothing starts now */
    EVENT_RESUMED,  /* the cause is gone */
    EVENT_TICK,     /* four times a second */
};

#endif
