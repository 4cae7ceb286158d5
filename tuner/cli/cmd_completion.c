#include "tuner/cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_verbs(void)
{
    for (const struct command *c = cli_commands; c->name; c++) printf("%s%s", c == cli_commands ? "" : " ", c->name);
}

static int print_bash(void)
{
    fputs("# eval \"$(nocturne completion bash)\"\n"
          "_nocturne_words() { # of a command that has some, as its help has them\n"
          "    nocturne \"$1\" --help | sed -n \"s/.*nocturne $1 \\[OPTION[^]]*\\] \\([a-z][a-z|]*\\).*/\\1/p\" | tr '|' ' '\n"
          "}\n"
          "_nocturne() {\n"
          "    local words cur=${COMP_WORDS[COMP_CWORD]}\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"",
          stdout);
    print_verbs();
    fputs(
        "\" -- \"$cur\"))\n"
        "    elif [ \"$COMP_CWORD\" = 2 ] && [ \"${cur#-}\" = \"$cur\" ] && words=$(_nocturne_words \"${COMP_WORDS[1]}\") && [ -n \"$words\" ]; then\n"
        "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "    elif [ \"${cur#-}\" != \"$cur\" ]; then\n"
        "        COMPREPLY=($(compgen -W \"$(nocturne \"${COMP_WORDS[1]}\" --help | grep -o -- '--[a-z]*')\" -- \"$cur\"))\n"
        "    else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
        "}\n"
        "complete -o filenames -F _nocturne nocturne\n",
        stdout);
    return EXIT_OK;
}

static int print_zsh(void)
{
    fputs("#compdef nocturne\n_nocturne() {\n    local -a verbs=(\n", stdout);
    for (const struct command *c = cli_commands; c->name; c++) printf("        '%s:%s'\n", c->name, c->summary);
    fputs("    )\n    if (( CURRENT == 2 )); then _describe command verbs; else _files; fi\n}\n"
          "compdef _nocturne nocturne\n",
          stdout);
    return EXIT_OK;
}

static int print_fish(void)
{
    for (const struct command *c = cli_commands; c->name; c++)
        printf("complete -c nocturne -n __fish_use_subcommand -a %s -d '%s'\n", c->name, c->summary);
    return EXIT_OK;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    const char **shell = state->input;
    switch (key) {
    case ARGP_KEY_ARG: *shell = arg; return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which shell? bash, zsh or fish"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_completion(int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .args_doc = "bash|zsh|fish",
                                     .doc = "Print shell completion.\vExample: eval \"$(nocturne completion bash)\"",
                                     .children = cli_help_child};
    const char *shell = NULL;
    struct error err;
    argp_parse(&argp, argc, argv, 0, NULL, &shell);
    if (strcmp(shell, "bash") == 0) return print_bash();
    if (strcmp(shell, "zsh") == 0) return print_zsh();
    if (strcmp(shell, "fish") == 0) return print_fish();
    error_set(&err, STATUS_INVALID, "'%s' is none of bash, zsh, fish", shell);
    return cli_fail(&err);
}
