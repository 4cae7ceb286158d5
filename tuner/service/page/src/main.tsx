/* Where it begins: the theme, the token, and the screen that the address names. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Asking } from "./actions";
import { Compare } from "./compare";
import { Fleet } from "./fleet";
import { Header } from "./header";
import { Keys } from "./keys";
import { endLive, startLive } from "./live";
import { Login } from "./login";
import { Overview } from "./overview";
import { ReadoutBox } from "./readout";
import { Rollout } from "./rollout";
import { Rollouts } from "./rollouts";
import { place } from "./route";
import { begin, currentToken, entering, me } from "./session";
import { openStudy, type StudyView } from "./study";
import { StudyScreen } from "./study_screen";
import { beginTheme } from "./theme";
import { TrialScreen } from "./trial_screen";

function useStudy(name: string | null): StudyView | null {
    const [view, setView] = useState<StudyView | null>(null);
    useEffect(() => {
        if (name === null) {
            setView(null);
            return;
        }
        const v = openStudy(name);
        setView(v);
        return () => v.close();
    }, [name]);
    return view?.name === name ? view : null;
}

function Page() {
    const p = place.value, name = p.screen === "study" || p.screen === "trial" ? p.study : null, v = useStudy(me.value ? name : null);
    useEffect(() => {
        document.title = p.screen === "rollout" ? `${p.rollout} · live · Nocturne` : name ? `${p.screen === "trial" ? `trial ${p.trial} · ` : ""}${name} · Nocturne` : "Nocturne";
        scrollTo(0, 0);
    }, [name, p.screen, p.screen === "study" ? p.tab : 0]);
    if (!me.value) return entering.value ? null : <Login />;
    return (
        <>
            <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); document.getElementById("content")!.focus(); }}>To the content</a>
            <Header />
            <main id="content" tabIndex={-1}>
                {p.screen === "overview" ? <Overview /> : p.screen === "fleet" ? <Fleet /> : p.screen === "compare" ? <Compare /> : p.screen === "live" ? <Rollouts /> : p.screen === "rollout" ? <Rollout key={p.rollout} name={p.rollout} />
                : !v ? null : p.screen === "study" ? <StudyScreen v={v} tab={p.tab} /> : p.screen === "trial" ? <TrialScreen v={v} trial={p.trial} /> : null}
            </main>
            <ReadoutBox />
            <Asking />
            <Keys v={v} />
        </>
    );
}

beginTheme();
render(<Page />, document.getElementById("page")!);
me.subscribe((who) => (who ? startLive(currentToken().slice(-8)) : endLive()));
void begin();
