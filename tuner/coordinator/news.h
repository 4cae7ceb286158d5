/* news: what a coordinator tells whoever watches a run. */
#ifndef TUNER_COORDINATOR_NEWS_H
#define TUNER_COORDINATOR_NEWS_H

enum news {
    NEWS_STARTED,  /* trial: an attempt runs */
    NEWS_FINISHED, /* trial: reached a final state, durably */
    NEWS_RETRY,    /* trial: crashed and is queued again; text: why */
    NEWS_GOES_ON,  /* trial: was stopped, and is queued again to go on; text: why */
    NEWS_CONFIRM,  /* the confirmation begins; text: of what, and by what that was chosen, NULL: of no trial of the
                      search */
    NEWS_STOPPING, /* text: what happens now */
    NEWS_NOTE,     /* text: something a person should know */
    NEWS_PAUSED,   /* text: why nothing starts now */
    NEWS_RESUMED,  /* the cause is gone */
    NEWS_TICK,     /* four times a second */
};

#endif
