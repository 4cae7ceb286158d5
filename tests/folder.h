/* A folder of this test program, new, and gone when it ends. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char test_folder_path[] = "/tmp/nocturne-test-XXXXXX";
static pid_t test_folder_owner; /* not its children */

static void test_folder_remove(void)
{
    char command[64];
    if (getpid() != test_folder_owner) return;
    snprintf(command, sizeof command, "rm -rf %s", test_folder_path);
    if (system(command)) perror(test_folder_path);
}

static const char *test_folder(void)
{
    if (test_folder_owner) return test_folder_path;
    if (!mkdtemp(test_folder_path)) abort();
    test_folder_owner = getpid();
    atexit(test_folder_remove);
    return test_folder_path;
}

#endif
