/* What whoever hands on a nocturne with the page in it owes by the GPL: node sources.mjs OUT.tar.gz, in the repository.
 * Nocturne's own sources as they are committed, and beside them, in npm/, each package that has code in the page as the
 * lock file names it, with the same checksum. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url)), out = process.argv[2];
if (!out?.endsWith(".tar.gz")) throw new Error("usage: node sources.mjs OUT.tar.gz");
const work = mkdtempSync(join(tmpdir(), "nocturne-sources-")), root = join(work, "nocturne"), npm = join(root, "npm");

/* "sha512-…" as the lock file has it */
const sum = (file) => `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;

try {
    mkdirSync(npm, { recursive: true });
    const own = execFileSync("git", ["-C", here, "rev-parse", "--show-toplevel"], { encoding: "utf8" }).trim();
    execFileSync("tar", ["-x", "-C", root], { input: execFileSync("git", ["-C", own, "archive", "HEAD"], { maxBuffer: 1 << 28 }) });
    const { packages } = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));
    for (const [path, { version, integrity, dev }] of Object.entries(packages)) {
        if (!path || dev) continue;
        const name = path.replace(/^.*node_modules\//, "");
        const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", `${name}@${version}`, "--json", "--ignore-scripts", "--pack-destination", npm], { cwd: npm, encoding: "utf8" }));
        const got = sum(join(npm, filename.replace(/^@/, "").replaceAll("/", "-")));
        if (got !== integrity) throw new Error(`${name} ${version}: ${got}, but package-lock.json has ${integrity}`);
        console.log(`${name} ${version}`);
    }
    execFileSync("tar", ["-czf", out, "-C", work, "nocturne"]);
    console.log(`sources: ${out}`);
} finally {
    rmSync(work, { recursive: true });
}
