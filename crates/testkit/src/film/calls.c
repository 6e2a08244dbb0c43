/*
 * Is started in the place of ffmpeg by tests, and asks the system by hand for what a decoder that was taken over would. It
 * says of each call what came of it: "done", or the name of the error. Which layer of the confinement said no can be told
 * by that: the filter of calls says EPERM, Landlock says EACCES.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The numbers of the kernel: the C library would pack some of these calls into others. */
#include <sys/syscall.h>

static void told(const char *what, long got)
{
	const char *word = "done";
	if (got < 0)
		word = errno == EPERM ? "EPERM" : errno == EACCES ? "EACCES" : errno == ENOENT ? "ENOENT" : "other";
	dprintf(1, "%s: %s\n", what, word);
}

static long control(int file, int what, long with)
{
	return syscall(SYS_fcntl, file, what, with);
}

static long opened(const char *path, int how)
{
	return syscall(SYS_openat, AT_FDCWD, path, how, 0600);
}

int main(int count, char **words)
{
	char beside[4096], *slash;
	(void)count;
	snprintf(beside, sizeof beside - 16, "%s", words[0]);
	slash = strrchr(beside, '/');
	strcpy(slash ? slash + 1 : beside, "secret");

	/* A signal to whoever asked, by way of the kernel, at the next byte on a pipe. */
	told("who is told", control(0, F_SETOWN, getppid()));
	told("who is told, by group", control(0, F_SETOWN, -getppid()));
	told("how they are told", control(0, F_SETSIG, 9));
	told("that they are told", control(0, F_SETFL, O_ASYNC));
	told("who would be told", control(0, F_GETOWN, 0));
	told("a larger pipe", control(0, F_SETPIPE_SZ, 1 << 20));
	told("a lock", control(0, F_SETLK, 0));

	/* What says that a file is there, and what changes one. */
	told("a place", opened(beside, O_PATH));
	told("a link", syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", beside + 2048, 64));
	told("a new file", opened("/tmp/clerestory-film", O_RDONLY | O_CREAT));
	told("a file cut off", opened(beside, O_RDONLY | O_TRUNC));
	told("a file to write", opened(beside, O_WRONLY));
	told("a file to read", opened(beside, O_RDONLY));

	/* What it needs. */
	told("how it is open", control(0, F_GETFL, 0));
	told("waiting for nothing", control(0, F_SETFL, O_NONBLOCK));
	int other = control(1, F_DUPFD_CLOEXEC, 0);
	told("another number", other);
	told("writing there", write(other, "", 0));
	return 0;
}
