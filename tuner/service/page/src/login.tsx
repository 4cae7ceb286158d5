/* The door: a token, and where to find one. */
import { useState } from "preact/hooks";
import { enter, entering, refused } from "./session";

export function Login() {
    const [token, setToken] = useState(""), [keep, setKeep] = useState(false);
    return (
        <main class="alone">
            <h1>Nocturne</h1>
            <p>This service shows its studies to whoever has a token. <code>nocturne token create --role viewer</code> makes one that may look, but change nothing.</p>
            <form onSubmit={(e) => { e.preventDefault(); void enter(token.trim(), keep); }}>
                <label>Token <input type="password" name="token" value={token} onInput={(e) => setToken(e.currentTarget.value)} placeholder="noct_…" autocomplete="off" spellcheck={false} required autofocus /></label>
                <label class="row"><input type="checkbox" checked={keep} onChange={(e) => setKeep(e.currentTarget.checked)} /> remember it on this device, if it is a viewer's</label>
                {refused.value && <p class="wrong" role="alert">{refused.value}</p>}
                <p><button class="main" type="submit" disabled={entering.value}>Enter</button></p>
            </form>
        </main>
    );
}
