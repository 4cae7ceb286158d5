/* The top of every screen: where one can go, the sign of life in words, light or dark. */
import { sign, tick } from "./live";
import { place } from "./route";
import { forget, me } from "./session";
import { setTheme, theme, type Theme } from "./theme";
import { clock, duration } from "./words";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const THEME_WORDS: Record<Theme, string> = { system: "as the system", light: "light", dark: "dark" };

function signWords(): string {
    const s = sign.value;
    switch (s.word) {
        case "live": return "live";
        case "behind": return `behind ${duration(tick.value - s.since)}`;
        case "lost": return `lost since ${clock(s.since)}, trying again`;
        case "connecting": return "connecting";
    }
}

export function Header() {
    const p = place.value, s = sign.value;
    return (
        <header class={`top ${s.word}`}>
            <nav aria-label="Nocturne"><a href="#/" class="brand" aria-current={p.screen === "overview" ? "page" : undefined}>Nocturne</a><a href="#/live" aria-current={p.screen === "live" || p.screen === "rollout" ? "page" : undefined}>Live</a><a href="#/fleet" aria-current={p.screen === "fleet" ? "page" : undefined}>Fleet</a></nav>
            <p class="sign" role="status" data-sign={s.word}><span class="dot" aria-hidden="true" />{signWords()}</p>
            <details class="menu who"><summary>{me.value?.role}</summary><div>
                {me.value?.name && <p>{me.value.name}, {me.value.role}{me.value.expires_ms ? <span class="quiet block">until {clock(me.value.expires_ms)}</span> : null}</p>}
                <button class="plain" onClick={() => setTheme(NEXT[theme.value])}>colours: {THEME_WORDS[theme.value]}</button>
                <button class="plain" onClick={() => dispatchEvent(new KeyboardEvent("keydown", { key: "?" }))}>keys</button>
                <a href="/third-party.txt">licences</a>
                <button class="plain" onClick={() => { forget(); location.reload(); }}>leave</button>
            </div></details>
        </header>
    );
}
