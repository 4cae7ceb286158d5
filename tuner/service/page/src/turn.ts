/* One job at a time; of those that come meanwhile the last, when it is its turn. */
type Job = () => Promise<void>;

export function inTurn(): (job: Job) => void {
    let busy = false, next: Job | null = null;
    const run = async (job: Job): Promise<void> => {
        busy = true;
        await job().catch(() => undefined);
        busy = false;
        const waiting = next;
        next = null;
        if (waiting) void run(waiting);
    };
    return (job) => void (busy ? (next = job) : run(job));
}
