#!/usr/bin/env python3
"""What headers say is true: their examples compile, and what their comments (and the rooms' READMEs) name is there.

An example is a run of comment lines that have four or more blanks behind the ' *'. It is C if a ';' ends a line of it,
but for a remark; the others are diagrams, formulas, JSON, YAML, tables and grammars. In C, two or more blanks behind ';',
'{', '}' or '…' begin a remark, and a '…' that ends a line stands for a statement. All examples of a header are compiled
as one function, whose parameters (GIVEN) are what they use and do not declare; a parameter that none uses is an error,
too.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = ("surrogate", "workers", "store", "tuner")
C_EXAMPLES_MIN = 20  # fewer: they are not found any more
# as in CMakeLists.txt; an example need not use all it declares
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
         "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-I" + ROOT]

# header: what its examples use and do not declare
GIVEN = {
    "store/statement.h": "struct store *store, const char *SQL, const char *name, struct error *err",
    "store/store.h": "struct error err",
    "surrogate/surrogate.h": "size_t n, size_t d, const double *x, const double *y, uint64_t seed, const double *point, double mean, double variance, struct error err",
    "tuner/agent/agent.h": "const char *token, const char *dir, const char *guard, uv_loop_t *loop, struct error err",
    "tuner/agent/cache.h": "struct cache *cache, cache_ready_fn *on_ready, void *data",
    "tuner/analysis/document.h": "const struct memory *memory",
    "tuner/analysis/health.h": "const struct memory *memory",
    "tuner/analysis/surface.h": "const struct memory *memory, struct error err",
    "tuner/base/arena.h": "size_t n",
    "tuner/base/beneath.h": "struct error err",
    "tuner/base/pattern.h": "const char *line, size_t n, struct error err",
    "tuner/coordinator/active.h": "struct store *store, const struct study *study, struct opening opening, const struct clock *clock, struct coordinator_options options, uv_loop_t *loop, struct error err",
    "tuner/coordinator/coordinator.h": "struct coordinator_options options, struct history *history, uv_loop_t *loop, struct error err",
    "tuner/live/collector.h": "struct store *store, json_t *scoring, json_t *outcomes, int64_t now_ms, struct collector_taken taken, bool more, json_t *sums, struct error err",
    "tuner/live/duel.h": "struct duel d, struct objective objective, struct answers champion, const double *leeway, size_t seeds, "
                         "struct arena arena, const char *id, const double *value",
    "tuner/live/contest.h": "struct contest c, struct objective objective, const double *const *champion, size_t seeds, const double *challenger",
    "tuner/live/plan_study.h": "enum status s, const char *text, struct arena arena, struct live_plan plan, const struct study *study, struct error err",
    "tuner/live/watch_study.h": "enum status s, const char *text, struct arena arena, struct watch_plan plan, const struct memory *memory, const json_t *champion, const char *unwatched, struct error err",
    "tuner/live/join.h": "struct join_hooks hooks, struct part part, int64_t now_ms",
    "tuner/report/rollout_course.h": "struct rollout_view v, const json_t *challenger, const json_t *course",
    "tuner/live/live.h": "struct store *store, struct live_wish wish, int64_t now, struct live_batch batch, struct live_ticked ticked, json_t *document, struct error err",
    "tuner/live/lookup.h": "struct lookup_link *link, const char *name, void *thing, void (*use)(void *)",
    "tuner/live/telemetry.h": "struct store *store, const json_t *body, json_t *answer, int64_t now_ms, struct error err",
    "tuner/live/otlp.h": "const json_t *body, struct mappings mappings, int64_t now_ms, struct arena *arena, void (*take)(const struct part *), struct error err",
    "tuner/live/telemetry.h": "const json_t *body, int64_t now_ms, struct store *store, json_t *answer, struct error err",
    "tuner/mirror/mirror.h": "struct caller *caller, struct error err",
    "tuner/remote/caller.h": "const char *url, const char *token, const char *ca, struct error err",
    "tuner/policy/monitor.h": "struct history *history, struct trial *trial, struct forecaster *forecaster, struct monitor_order order, struct error err",
    "tuner/execution/executor.h": "struct workers *workers, const struct gpus *gpus, struct execution_hooks hooks, void *mine, struct attempt_spec spec, struct error err",
    "tuner/search/forecast.h": "const struct study *study, uint64_t seed, struct evidence evidence, struct running running, struct early_stopping rule, struct error err",
    "tuner/search/landscape.h": "const struct study *study, struct search_history history, uint64_t seed, const double *config, struct error err",
    "tuner/search/suggest.h": "const struct study *study, uint64_t seed, struct search_history history, long number, struct suggestion suggestion, struct error err",
    "tuner/cli/rollouts.h": "struct cli_common common, json_t *status, struct error err",
    "tuner/cli/evaluation.h": "const char *db, const struct study *study, const double *const *configs, struct arena arena",
    "tuner/cli/ticker.h": "struct ticker_wish wish, struct error err",
    "tuner/cli/terminal.h": "struct frame f, struct error err",
    "tuner/cli/watched.h": "const struct scene *scene, struct error err",
    "tuner/notify/lookout.h": "const struct memory *memory, int64_t now, struct health_facts facts",
    "tuner/notify/notice.h": "struct notice notice, struct notice again, struct arena *arena, struct error err",
    "tuner/notify/notifier.h": "struct notifier_options options, struct look look, const char *failure, void (*closed)(void *), void *data, struct error err",
    "tuner/rollout/sequence.h": "struct tally *steps, double planned_units, struct tally block",
    "tuner/report/chart.h": "struct arena *a, size_t n, const double *x, const double *y",
    "tuner/report/frame.h": "struct screen screen, struct arena arena",
    "tuner/report/rollout_words.h": "const json_t *status, struct arena arena",
    "tuner/report/scene.h": "struct scene_list list",
    "tuner/report/story.h": "struct arena *a",
    "tuner/service/service.h": "struct service_options options, uv_loop_t *loop, struct error err",
    "tuner/service/rules.h": "struct rules *rules, struct ruleset *set",
    "tuner/service/work.h": "struct works *works, void *x, bool (*count)(struct work *, struct store *), void (*answer)(struct work *)",
    "tuner/study/derived.h": "const char *text, struct arena arena, const char *ret, struct error err",
    "tuner/study/study.h": "struct error err",
    "workers/descendants.h": "pid_t pid, void (*reap_them)(void)",
    "workers/sdk/c/nocturne.h": "int argc, char **argv, void (*set_rate)(void *, double), void (*train)(void), long step, int done, double em, double tokens",
    "workers/workers.h": "uv_loop_t *loop, struct job_spec spec, struct job_handler handler, void *trial, struct job *job, struct error err",
}

# patterns of names, and names of Optuna and OpenFeature and OpenTelemetry
NOT_OURS = {"migrations/000N_name.sql", "set_provider", "headers_factory", "get_client", "get_float_details", "notify.yaml", "w_tok", "set_constraint", "constraints_func", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
EXAMPLE_LINE = re.compile(r"^\s*\*    +\S")
END = re.compile(r";(  |$)")
REMARK = re.compile(r"(?<=[;{}…])  +\S.*$")
FILE = re.compile(r"(?<![\w/.:])[\w/.]*\w\.(?:c|cc|h|md|py|sh|sql|yaml|def)\b")
PLACE = re.compile(r"\b(?:base|study|search|history|analysis|execution|coordinator|import|report|service|agent|cli|store|workers|surrogate|tuner)/\w+(?![\w.])")
# Of several words; one or two letters at the end are an index in a formula.
NAME = re.compile(r"\b[A-Za-z]\w*_[A-Za-z0-9]{3,}\b|(?<=\bstruct )\w+")
WORD = re.compile(r"[A-Za-z_]\w*")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as text:
        return text.read()


def tree():
    """Every file of ours, from the root; no build, nothing hidden."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [b for b in below if not b.startswith(".") and not (folder == ROOT and b == "build")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), ROOT)


FILES = sorted(tree())
HEADERS = [f for f in FILES if f.endswith(".h") and f.startswith(tuple(r + "/" for r in ROOMS))]


def comments(text):
    """(line, text) of each."""
    for found in COMMENT_OR_TEXT.finditer(text):
        if found.group(0).startswith("/"):
            yield text.count("\n", 0, found.start()) + 1, found.group(0)


def without_comments(text):
    return COMMENT_OR_TEXT.sub(lambda m: " " if m.group(0).startswith("/") else m.group(0), text)


def examples(header):
    """(first line, its lines) of each."""
    for start, text in comments(read(header)):
        run = []
        for at, line in enumerate(text.split("\n") + [""]):
            if EXAMPLE_LINE.match(line):
                run.append(line.strip().removeprefix("*"))
            elif run:
                yield start + at - len(run), run
                run = []


def is_c(lines):
    return any(END.search(line) for line in lines)


def statement(line):
    line = REMARK.sub("", line).rstrip()
    return line[:-1] + "{}" if line.endswith("…") else line


def source(header, found):
    """A file that includes the header, and nothing before it."""
    text = [f'#include "{header}"']
    if found:
        function = f"long example({GIVEN.get(header, 'void')})"
        text += [function + ";", function, "{"]
        for line, lines in found:
            text += [f'#line {line} "{header}"', *map(statement, lines)]
        text += ["return 0;", "}"]
    return "\n".join(text) + "\n"


def compiled(text):
    """What the compiler says; "": nothing."""
    done = subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-x", "c", "-"], input=text, capture_output=True, text=True, cwd=ROOT)
    said = [line[:200] for line in done.stderr.splitlines()]
    return "\n".join(said[:8]) if done.returncode else ""


def prose():
    """(file, line, text) of each comment of a header, and of each README of the rooms."""
    for header in HEADERS:
        for line, text in comments(read(header)):
            yield header, line, text
    for path in FILES:
        if path.endswith(".md") and path.startswith(tuple(r + "/" for r in ROOMS)):
            yield path, 1, read(path)


def named(pattern):
    """(file, place for people, word) of each word in prose that the pattern finds."""
    for path, line, text in prose():
        for found in pattern.finditer(text):
            if found.group(0) not in NOT_OURS:
                yield path, f"{path}:{line + text.count(chr(10), 0, found.start())}: {found.group(0)}", found.group(0)


def known_words():
    """All that is said outside of comments, names of files, and what the examples are given."""
    words = set(WORD.findall(" ".join(GIVEN.values())))
    for path in FILES:
        words.update(WORD.findall(os.path.basename(path)))
        if path.endswith((".c", ".cc", ".h", ".def")):
            words.update(WORD.findall(without_comments(read(path))))
        elif path.endswith((".sql", ".yaml", "CMakeLists.txt")) or path.startswith("workers/sdk/python/"):
            words.update(WORD.findall(read(path)))
    return words


def is_there(path, name):
    """A file or folder, from the root, from the folder of `path`, or below some folder."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return any(("/" + f).endswith("/" + name) or f == beside for f in FILES)


class Headers(unittest.TestCase):
    def test_headers_and_their_examples_compile(self):
        found = {h: [lines for lines in examples(h) if is_c(lines[1])] for h in HEADERS}
        self.assertGreaterEqual(sum(map(len, found.values())), C_EXAMPLES_MIN)
        self.assertEqual([h for h in GIVEN if not found.get(h)], [], "have no example any more")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [said for said in pool.map(compiled, (source(h, x) for h, x in found.items())) if said]
        if wrong:
            self.fail("\n" + "\n".join(wrong))

    def assert_all_there(self, pattern, is_there):
        all_named = list(named(pattern))
        self.assertGreater(len(all_named), 10)
        self.assertEqual([place for path, place, name in all_named if not is_there(path, name)], [])

    def test_opens_with_its_name(self):
        def opens(header):
            _, first = next(comments(read(header)))
            return re.search(rf"^(/\*| \*) {os.path.basename(header)[:-2]}(\.h)?: ", first, re.M)
        self.assertEqual([header for header in HEADERS if not opens(header)], [])

    def test_files_that_are_named_are_there(self):
        self.assert_all_there(FILE, is_there)

    def test_rooms_and_their_files_that_are_named_are_there(self):
        self.assert_all_there(PLACE, lambda _, name: any(f"/{name}{end}" in "/" + f for f in FILES for end in "./"))

    def test_functions_and_structs_that_are_named_are_there(self):
        words = known_words()
        self.assert_all_there(NAME, lambda _, name: name in words)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0]])
