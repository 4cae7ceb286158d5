/* Builds the page: node build.mjs [OUT]. Leaves index.html, and compressed page.js.gz, page.css.gz, third-party.txt.gz. */
import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "out");
mkdirSync(out, { recursive: true });

const made = await build({
    entryPoints: [join(here, "src/main.tsx"), join(here, "style.css")],
    absWorkingDir: here,
    outdir: out,
    entryNames: "[name]",
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "iife",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none", // the whole texts are in third-party.txt
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warning",
});

const bytes = (name) => made.outputFiles.find((f) => f.path.endsWith(name)).contents;
const packed = { "page.js": bytes("main.js"), "page.css": bytes("style.css"), "third-party.txt": Buffer.from(licences()) };
let all = 0;
for (const [name, content] of Object.entries(packed)) {
    const small = gzipSync(content, { level: 9 });
    writeFileSync(join(out, name + ".gz"), small);
    all += small.length;
}
const index = readFileSync(join(here, "index.html"));
writeFileSync(join(out, "index.html"), index);
all += index.length;
if (all > 100_000) throw new Error(`the page has ${all} bytes; 100,000 are allowed`);
console.log(`page: ${all} bytes compressed`);

/* Of every package that has code in the page: its name, version, licence, and the texts that it comes with. */
function licences() {
    const inside = new Set();
    for (const input of Object.keys(made.metafile.inputs)) {
        const package_ = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
        if (package_) inside.add(package_[1]);
    }
    const texts = ["The page of Nocturne (MIT, see tuner/service/page/LICENSE) contains the following works.\n"];
    for (const name of [...inside].sort()) {
        const folder = join(here, "node_modules", name);
        const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        texts.push(`${"=".repeat(80)}\n${name} ${version} (${license})\n`);
        for (const file of readdirSync(folder).filter((f) => /^(licen[cs]e|notice|copying)/i.test(f)).sort())
            if (!/^licenses?$/i.test(file) || !statIsFolder(join(folder, file))) texts.push(readFileSync(join(folder, file), "utf8"));
    }
    return texts.join("\n");
}

function statIsFolder(path) {
    try {
        readdirSync(path);
        return true;
    } catch {
        return false;
    }
}
