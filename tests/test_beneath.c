/* Files and folders where somebody else may write: with openat2, and where the kernel or a filter lacks it. */
#include "tests/test.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define claim(what)                                                                                                    \
    if (!(what)) return #what

static enum status opened(int dir, const char *path, int flags)
{
    int fd = -1;
    enum status s = beneath_open(dir, path, flags, 0600, &fd, NULL);
    if (!s) close(fd);
    return s;
}

static void fill(int top)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "sock"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), here = open(".", O_PATH);
    mkdirat(top, "in", 0755);
    mkdirat(top, "in/deep", 0755);
    close(openat(top, "in/deep/file", O_WRONLY | O_CREAT, 0644));
    int secret = openat(top, "secret", O_WRONLY | O_CREAT, 0644);
    if (write(secret, "noct", 4) != 4 || fchdir(top) != 0 || bind(s, (struct sockaddr *)&name, sizeof name) != 0 ||
        fchdir(here) != 0)
        abort();
    renameat(top, "sock", top, "in/sock");
    mkfifoat(top, "in/fifo", 0600);
    if (symlinkat("../secret", top, "in/link") != 0 || symlinkat("..", top, "in/up") != 0 ||
        symlinkat("deep", top, "in/inner") != 0 || symlinkat("/proc/self/root", top, "in/magic") != 0 ||
        symlinkat("nowhere", top, "in/dangling") != 0 || linkat(top, "secret", top, "in/hard", 0) != 0)
        abort();
    close(secret);
    close(here);
    close(s);
}

static const char *check_beneath(int top)
{
    static const char *const outside[] = {
        "in/link",     "in/up/secret",        "in/inner/file", "in/../secret",   "..",
        "in/dangling", "in/magic/etc/passwd", "/etc/passwd",   "in/deep/file/x", "in/deep/../../secret"};
    static const char *const odd[] = {"in/fifo", "in/sock", "in/deep", "in"};
    static const int ways[] = {O_RDONLY, O_WRONLY, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_APPEND};
    struct stat st;
    char *text = NULL;
    size_t n = 0;
    int fd = -1, in = -1;
    for (size_t w = 0; w < 4; w++) {
        for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
            claim(opened(top, outside[i], ways[w]) == STATUS_INVALID);
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) claim(opened(top, odd[i], ways[w]) == STATUS_INVALID);
        claim(opened(top, "in/deep/file", ways[w]) == STATUS_OK);
        claim(opened(top, "./in//deep/./file", ways[w]) == STATUS_OK);
        if (w) claim(opened(top, "in/hard", ways[w]) == STATUS_INVALID);
    }
    claim(opened(top, "in/hard", O_RDONLY) == STATUS_OK);
    claim(opened(top, "in/none", O_RDONLY) == STATUS_NOT_FOUND && opened(top, "none/x", O_RDONLY) == STATUS_NOT_FOUND);
    claim(beneath_read(top, "secret", 4, &text, &n, NULL) == STATUS_OK && n == 4 && strcmp(text, "noct") == 0);
    free(text);
    claim(beneath_read(top, "secret", 3, &text, &n, NULL) == STATUS_INVALID);
    claim(beneath_read(top, "in/fifo", 3, &text, &n, NULL) == STATUS_INVALID);
    claim(beneath_folder(top, "in/up", false, &in, NULL) == STATUS_INVALID);
    claim(beneath_folder(top, "in/up/new", true, &in, NULL) == STATUS_INVALID);
    claim(beneath_folder(top, "in/fifo", true, &in, NULL) == STATUS_INVALID);
    claim(beneath_folder(top, "in/none", false, &in, NULL) == STATUS_NOT_FOUND);
    claim(beneath_folder(top, "in/a/b", true, &in, NULL) == STATUS_OK);
    claim(fstat(in, &st) == 0 && (st.st_mode & 0777) == 0700);
    close(in);
    static const char *const taken[] = {"in/link", "in/fifo", "in/hard", "in/dangling",
                                        "in/up",   "in/sock", "in/a",    "in/new"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        claim(beneath_create(top, taken[i], 0600, &fd, NULL) == STATUS_OK && write(fd, "x", 1) == 1);
        close(fd);
    }
    claim(beneath_create(top, "in/magic/tmp/x", 0600, &fd, NULL) == STATUS_INVALID);
    claim(beneath_read(top, "secret", 4, &text, &n, NULL) == STATUS_OK && strcmp(text, "noct") == 0); /* untouched */
    free(text);
    return NULL;
}

/* A deep chain of folders, links to what must stay, a folder that nobody may list. */
static const char *check_removal(int top)
{
    struct stat st;
    int at = openat(top, ".", O_PATH | O_DIRECTORY), stays = -1;
    claim(beneath_folder(top, "stays/inner", true, &stays, NULL) == STATUS_OK);
    close(stays);
    mkdirat(top, "gone", 0700);
    claim(symlinkat("../stays", top, "gone/link") == 0);
    for (int i = 0; i < 1200; i++) { /* more than there are descriptors */
        int below;
        mkdirat(at, "gone", 0700);
        below = openat(at, "gone", O_PATH | O_DIRECTORY);
        mkfifoat(below, "fifo", 0600);
        close(at);
        at = below;
    }
    close(at);
    claim(symlinkat("stays", top, "door") == 0);
    beneath_remove(top, "door/inner");
    beneath_remove(top, "gone");
    beneath_remove(top, "..");
    beneath_remove(top, "nothing");
    claim(fstatat(top, "gone", &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT);
    claim(fstatat(top, "stays/inner", &st, AT_SYMLINK_NOFOLLOW) == 0);
    beneath_remove(top, "door");
    beneath_remove(top, "stays");
    claim(fstatat(top, "stays", &st, AT_SYMLINK_NOFOLLOW) != 0 && fstatat(top, "door", &st, AT_SYMLINK_NOFOLLOW) != 0);
    return NULL;
}

static const char *check_all(void)
{
    char path[] = "/tmp/nocturne-test-beneath-XXXXXX";
    int top;
    claim(mkdtemp(path));
    claim(beneath_folder(AT_FDCWD, path, false, &top, NULL) == STATUS_OK);
    fill(top);
    const char *wrong = check_beneath(top);
    if (!wrong) wrong = check_removal(top);
    close(top);
    beneath_remove(AT_FDCWD, path);
    claim(access(path, F_OK) != 0);
    return wrong;
}

static void forbid_openat2(unsigned code)
{
    struct sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) abort();
}

static void test_beneath__opens_only_what_is_there(void **state)
{
    (void)state;
    const char *wrong = check_all();
    if (wrong) fail_msg("%s", wrong);
}

static void test_beneath__is_the_same_without_openat2(void **state)
{
    (void)state;
    static const unsigned codes[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < 2; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            forbid_openat2(codes[i]);
            bool missing = syscall(SYS_openat2, 0, "", NULL, 0) < 0 && errno == (int)codes[i];
            const char *wrong = missing ? check_all() : "the filter";
            if (wrong) fprintf(stderr, "without openat2: %s\n", wrong);
            _exit(wrong != NULL);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beneath__opens_only_what_is_there),
        cmocka_unit_test(test_beneath__is_the_same_without_openat2),
    };
    return cmocka_run_group_tests_name("beneath", tests, NULL, NULL);
}
