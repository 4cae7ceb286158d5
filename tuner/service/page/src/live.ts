/* What happens, as it happens: one stream of events for all tabs of a browser. The tab that holds the lock reads it (with
 * fetch: EventSource cannot send a token) and tells the others. Silence is noticed: the service says something every
 * 15 seconds. Where the service has no such stream, the studies are asked every few seconds. */
import { computed, signal } from "@preact/signals";
import { ask, Problem } from "./api";

export interface Happening { study: string; event: string; seq: number; at_ms: number; trial?: number; data: Record<string, unknown> }
export type Sign = { word: "connecting" | "live" | "behind" | "lost"; since: number };

const BEHIND_MS = 20_000, LOST_MS = 45_000, AGAIN_MS = 2000, ASK_MS = 3000;
const now = signal(Date.now());
const heard = signal(0); /* when the service last said something; 0: never */
const broken = signal(0); /* since when nothing can be read; 0: it can */
const listeners = new Set<(h: Happening) => void>();
let last = ""; /* the id to go on after: it says for each study how far it was read */

/* now, to the second, for ages and for the sign */
export const tick = now;
setInterval(() => (now.value = Date.now()), 1000);

export const sign = computed<Sign>(() => {
    if (broken.value) return { word: "lost", since: broken.value };
    if (!heard.value) return { word: "connecting", since: 0 };
    const silent = now.value - heard.value;
    return { word: silent > LOST_MS ? "lost" : silent > BEHIND_MS ? "behind" : "live", since: heard.value };
});

export function onHappening(listen: (h: Happening) => void): () => void {
    listeners.add(listen);
    return () => listeners.delete(listen);
}

type Message = { kind: "heard" } | { kind: "broken"; since: number } | { kind: "happening"; happening: Happening };

let channel: BroadcastChannel | null = null;

function take(m: Message): void {
    if (m.kind === "broken") {
        broken.value = m.since;
        return;
    }
    heard.value = Date.now();
    broken.value = 0;
    if (m.kind === "happening") for (const listen of listeners) listen(m.happening);
}

function tell(m: Message): void {
    take(m);
    channel?.postMessage(m);
}

/* ---- reading the stream ---- */

function understand(block: string): void {
    let event = "message", id = "", data = "";
    for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event = line.slice(6).trim();
        else if (line.startsWith("id:")) id = line.slice(3).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trim();
    }
    if (id) last = id;
    if (!data) {
        tell({ kind: "heard" });
        return;
    }
    const d = JSON.parse(data) as Record<string, unknown>;
    tell({
        kind: "happening",
        happening: { study: String(d.study ?? ""), event, seq: Number(d.seq ?? 0), at_ms: Number(d.at_ms ?? Date.now()), trial: d.trial as number | undefined, data: d },
    });
}

async function read(): Promise<void> {
    const answer = await ask("/events", last ? { headers: { "Last-Event-ID": last } } : {});
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    tell({ kind: "heard" });
    let text = "";
    for (;;) {
        const got = await Promise.race([reader.read(), silence()]);
        if (got === null || got.done) break;
        tell({ kind: "heard" });
        text += got.value;
        const blocks = text.split("\n\n");
        text = blocks.pop()!;
        for (const block of blocks) understand(block);
    }
    await reader.cancel().catch(() => undefined);
}

const silence = (): Promise<null> => new Promise((done) => setTimeout(() => done(null), LOST_MS));
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/* An older service: is it there? Studies then look by themselves. */
async function knock(): Promise<void> {
    for (;;) {
        await ask("");
        tell({ kind: "happening", happening: { study: "", event: "asked", seq: 0, at_ms: Date.now(), data: {} } });
        await wait(document.hidden ? 5 * ASK_MS : ASK_MS);
    }
}

async function follow(): Promise<void> {
    for (;;) {
        let streamless = false;
        try {
            await read();
        } catch (error) {
            streamless = error instanceof Problem && error.status === 404;
            if (!streamless && !broken.value) tell({ kind: "broken", since: Date.now() });
        }
        if (streamless) await knock().catch(() => broken.value || tell({ kind: "broken", since: Date.now() }));
        await wait(AGAIN_MS);
    }
}

/* Once the token is known; `name` keeps tabs of different tokens apart. */
export function startLive(name: string): void {
    if (!("locks" in navigator)) {
        void follow();
        return;
    }
    channel = new BroadcastChannel(`nocturne-${name}`);
    channel.onmessage = (m: MessageEvent<Message>) => take(m.data);
    void navigator.locks.request(`nocturne-${name}`, follow);
    take({ kind: "heard" });
}
