/* Records what a process does to the files below one directory, so that every state a loss of power could have left can
 * be rebuilt afterwards (docs/decisions/0017). Preloaded into the real server by the crash tests; part of nothing that
 * ships.
 *
 * Every change is done and recorded under one lock, which is one for all processes that write to the record: its order is
 * the order of the changes. Who kills such a process holds the lock too, so that no change is left out. Flushing is not
 * done, only recorded: what is durable is decided by the reader of the record, and the tests are faster for it.
 *
 * The same place can have a size, after which writes fail with ENOSPC, flushes that fail with EIO or take their time,
 * and a wall clock that is off. A page of memory shared with the test says which.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Numbers of records and layout of the control page: crates/testkit/src/disk/trace.rs and control.rs say the same. */
enum { CREATE = 1, MKDIR, WRITE, TRUNCATE, SYNC, SYNC_FAILED, RENAME, LINK, UNLINK, RMDIR, UNKNOWN };

struct control {
    int64_t room;            /* bytes that may lie below the root; negative: no end */
    int64_t used;            /* bytes that do */
    int64_t clock_offset_us; /* added to the wall clock */
    int64_t sync_pause_us;   /* how long a flush takes */
    int64_t sync_failures;   /* so many of the next flushes fail */
    int64_t full_answers;    /* how many writes were refused for lack of room */
};

#define FDS 65536
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t inode_of[FDS];
static char root[PATH_MAX];
static size_t root_length;
static int trace = -1;
static struct control *control;

static void adopt(int fd);

static void open_trace(void) {
    trace = (int)syscall(SYS_openat, AT_FDCWD, getenv("CLERESTORY_DISK_TRACE"), O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (trace < 0) _exit(86);
}
/* The lock goes with the opened file: two processes that share one would not keep each other out. */
static void forked(void) {
    syscall(SYS_close, trace);
    open_trace();
}

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("CLERESTORY_DISK_ROOT");
    const char *record = getenv("CLERESTORY_DISK_TRACE");
    const char *page = getenv("CLERESTORY_DISK_CONTROL");
    if (!directory || !record || !page) return;
    snprintf(root, sizeof root, "%s", directory);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC, 0);
    open_trace();
    pthread_atfork(NULL, NULL, forked);
    void *shared = (void *)syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || shared == MAP_FAILED) {
        static const char text[] = "the recorder of the crash tests cannot begin\n";
        (void)!syscall(SYS_write, 2, text, sizeof text - 1);
        _exit(86);
    }
    syscall(SYS_close, fd);
    control = shared;
    root_length = strlen(root);
    for (int inherited = 0; inherited < 64; inherited++) adopt(inherited);
}

/* The absolute path, without resolving links; false where it is not below the root or only memory in disguise. */
static int ours(int at, const char *path, char *out) {
    if (!root_length || !path) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX], proc[64];
        ssize_t length;
        if (at == AT_FDCWD) {
            snprintf(proc, sizeof proc, "/proc/self/cwd");
        } else {
            snprintf(proc, sizeof proc, "/proc/self/fd/%d", at);
        }
        length = syscall(SYS_readlinkat, AT_FDCWD, proc, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
        if (snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') out[--length] = 0;
    if (strncmp(out, root, root_length) != 0 || (out[root_length] && out[root_length] != '/')) return 0;
    /* SQLite's shared memory: it is made anew from the log after a loss of power, whatever it holds. */
    return !(length > 4 && strcmp(out + length - 4, "-shm") == 0);
}

static int look(int at, const char *path, struct stat *found) {
    int saved = errno;
    int result = (int)syscall(SYS_newfstatat, at, path, found, AT_SYMLINK_NOFOLLOW);
    errno = saved;
    return result;
}

static int look_fd(int fd, struct stat *found) {
    int saved = errno;
    int result = (int)syscall(SYS_fstat, fd, found);
    errno = saved;
    return result;
}

/* A file that was open already when this program began, as a shell opens it for another. */
static void adopt(int fd) {
    char proc[64], path[PATH_MAX], whole[PATH_MAX];
    struct stat found;
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, proc, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    if (ours(AT_FDCWD, path, whole) && look_fd(fd, &found) == 0) inode_of[fd] = found.st_ino;
}

/* One record: its length, its number, three numbers, and bytes. */
static void say(uint8_t kind, uint64_t a, uint64_t b, const void *first, size_t first_length, const void *second,
                size_t second_length) {
    int saved = errno;
    struct __attribute__((packed)) {
        uint32_t length;
        uint8_t kind;
        uint64_t a, b;
        uint32_t first;
    } head = {(uint32_t)(21 + first_length + second_length), kind, a, b, (uint32_t)first_length};
    struct iovec parts[3] = {
        {&head, sizeof head}, {(void *)first, first_length}, {(void *)second, second_length}};
    size_t whole = sizeof head + first_length + second_length;
    if (syscall(SYS_writev, trace, parts, 3) != (long)whole) _exit(87);
    errno = saved;
}

static void say_path(uint8_t kind, uint64_t a, const char *path) {
    say(kind, a, 0, path, strlen(path), NULL, 0);
}

static uint64_t tracked(int fd) {
    return fd >= 0 && fd < FDS ? __atomic_load_n(&inode_of[fd], __ATOMIC_RELAXED) : 0;
}

/* One thread of this process, then one process: a lock of the system's, which ends with whoever has it. */
static void take(void) {
    int saved = errno;
    pthread_mutex_lock(&lock);
    while (syscall(SYS_flock, trace, LOCK_EX) != 0)
        if (errno != EINTR) _exit(89);
    errno = saved;
}

static void let_go(void) {
    int saved = errno;
    syscall(SYS_flock, trace, LOCK_UN);
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static void unknown(const char *what) {
    take();
    say_path(UNKNOWN, 0, what);
    let_go();
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    if (!ours(at, path, whole) || (flags & O_TMPFILE) == O_TMPFILE) {
        int fd = (int)syscall(SYS_openat, at, path, flags, mode);
        if (fd >= 0 && fd < FDS) __atomic_store_n(&inode_of[fd], 0, __ATOMIC_RELAXED);
        return fd;
    }
    take();
    struct stat before, after;
    int existed = look(AT_FDCWD, whole, &before) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && fd < FDS && look_fd(fd, &after) == 0) {
        __atomic_store_n(&inode_of[fd], after.st_ino, __ATOMIC_RELAXED);
        if (!existed && (flags & O_CREAT)) say_path(CREATE, after.st_ino, whole);
        if (existed && (flags & O_TRUNC) && before.st_size > 0) {
            control->used -= before.st_size;
            say(TRUNCATE, after.st_ino, 0, NULL, 0, NULL, 0);
        }
    }
    let_go();
    return fd;
}

#define MODE(flags, last) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, last); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *path, int flags, ...) { MODE(flags, flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, flags) return open_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, flags) return open_any(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* A file without a name takes its room until it is closed. That of other processes is not looked for. */
static int open_here(uint64_t inode) {
    for (int fd = 0; fd < FDS; fd++)
        if (__atomic_load_n(&inode_of[fd], __ATOMIC_RELAXED) == inode) return 1;
    return 0;
}

int close(int fd) {
    if (tracked(fd)) {
        struct stat found;
        take();
        int gone = look_fd(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink == 0;
        __atomic_store_n(&inode_of[fd], 0, __ATOMIC_RELAXED);
        if (gone && !open_here(found.st_ino)) control->used -= found.st_size;
        let_go();
    } else if (fd >= 0 && fd < FDS) __atomic_store_n(&inode_of[fd], 0, __ATOMIC_RELAXED);
    return (int)syscall(SYS_close, fd);
}

static int copied(int from, int to) {
    if (to >= 0 && to < FDS) __atomic_store_n(&inode_of[to], tracked(from), __ATOMIC_RELAXED);
    return to;
}

int dup(int fd) { return copied(fd, (int)syscall(SYS_dup, fd)); }
int dup3(int fd, int to, int flags) { return copied(fd, (int)syscall(SYS_dup3, fd, to, flags)); }
int dup2(int fd, int to) { return fd == to ? to : dup3(fd, to, 0); }

static int control_fd(int fd, int command, void *argument) {
    int result = (int)syscall(SYS_fcntl, fd, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? copied(fd, result) : result;
}

#define ARGUMENT(last) \
    va_list arguments; \
    va_start(arguments, last); \
    void *argument = va_arg(arguments, void *); \
    va_end(arguments);

int fcntl(int fd, int command, ...) { ARGUMENT(command) return control_fd(fd, command, argument); }
int fcntl64(int fd, int command, ...) { ARGUMENT(command) return control_fd(fd, command, argument); }

/* How much of `length` bytes at `offset` there is room for. The disk is full when none of it fits. */
static size_t room_for(uint64_t size, uint64_t offset, size_t length) {
    int64_t room = control->room;
    uint64_t end = offset + length;
    if (room < 0 || end <= size) return length;
    int64_t left = room - control->used;
    uint64_t most = left > 0 ? size + (uint64_t)left : size;
    if (end <= most) return length;
    return most > offset ? (size_t)(most - offset) : 0;
}

/* Writes at `offset`, or where the file stands when it is negative. */
static ssize_t write_any(int fd, const struct iovec *parts, int count, off_t offset) {
    uint64_t inode = tracked(fd);
    if (!inode) {
        return offset < 0 ? syscall(SYS_writev, fd, parts, count)
                          : syscall(SYS_pwritev, fd, parts, count, (long)offset, 0L);
    }
    size_t length = 0;
    for (int at = 0; at < count; at++) length += parts[at].iov_len;
    char *bytes = malloc(length ? length : 1);
    if (!bytes) _exit(88);
    size_t filled = 0;
    for (int at = 0; at < count; at++) {
        memcpy(bytes + filled, parts[at].iov_base, parts[at].iov_len);
        filled += parts[at].iov_len;
    }
    take();
    struct stat before;
    ssize_t done = -1;
    if (look_fd(fd, &before) == 0) {
        int appends = (syscall(SYS_fcntl, fd, F_GETFL, 0) & O_APPEND) != 0;
        off_t at = offset >= 0 ? offset : appends ? before.st_size : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        size_t fits = room_for((uint64_t)before.st_size, (uint64_t)at, length);
        if (fits == 0 && length > 0) {
            control->full_answers++;
            errno = ENOSPC;
        } else {
            done = offset >= 0 ? syscall(SYS_pwrite64, fd, bytes, fits, (long)offset)
                               : syscall(SYS_write, fd, bytes, fits);
            if (done > 0) {
                int64_t grown = (int64_t)at + done - before.st_size;
                if (grown > 0) control->used += grown;
                say(WRITE, inode, (uint64_t)at, bytes, (size_t)done, NULL, 0);
            }
        }
    }
    let_go();
    free(bytes);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!tracked(fd)) return syscall(SYS_write, fd, bytes, length);
    struct iovec part = {(void *)bytes, length};
    return write_any(fd, &part, 1, -1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    if (!tracked(fd)) return syscall(SYS_pwrite64, fd, bytes, length, (long)offset);
    struct iovec part = {(void *)bytes, length};
    return write_any(fd, &part, 1, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_any(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return write_any(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return write_any(fd, parts, count, offset);
}

static int resize(int fd, off_t length) {
    uint64_t inode = tracked(fd);
    if (!inode) return (int)syscall(SYS_ftruncate, fd, (long)length);
    take();
    struct stat before;
    int result = look_fd(fd, &before);
    if (result == 0) result = (int)syscall(SYS_ftruncate, fd, (long)length);
    if (result == 0) {
        control->used += length - before.st_size;
        say(TRUNCATE, inode, (uint64_t)length, NULL, 0, NULL, 0);
    }
    let_go();
    return result;
}
int ftruncate(int fd, off_t length) { return resize(fd, length); }
int ftruncate64(int fd, off64_t length) { return resize(fd, length); }

static int reserve(int fd, off_t offset, off_t length) {
    struct stat found;
    if (look_fd(fd, &found) != 0) return errno;
    if (offset + length <= found.st_size) return 0;
    if (room_for((uint64_t)found.st_size, (uint64_t)offset, (size_t)length) < (size_t)length) {
        control->full_answers++;
        return ENOSPC;
    }
    return resize(fd, offset + length) == 0 ? 0 : errno;
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    if (tracked(fd)) return reserve(fd, offset, length);
    return syscall(SYS_fallocate, fd, 0, (long)offset, (long)length) == 0 ? 0 : errno;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (tracked(fd)) unknown("fallocate");
    return (int)syscall(SYS_fallocate, fd, mode, (long)offset, (long)length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }

/* What was recorded before a flush began is durable when it ends. */
static int flush(int fd, long call) {
    uint64_t inode = tracked(fd);
    if (!inode) return (int)syscall(call, fd);
    take();
    uint64_t covers = (uint64_t)syscall(SYS_lseek, trace, 0, SEEK_END);
    let_go();
    int64_t pause = control->sync_pause_us;
    if (pause > 0) {
        struct timespec wait = {pause / 1000000, (pause % 1000000) * 1000};
        syscall(SYS_nanosleep, &wait, NULL);
    }
    take();
    int fails = control->sync_failures > 0;
    if (fails) control->sync_failures--;
    say(fails ? SYNC_FAILED : SYNC, inode, covers, NULL, 0, NULL, 0);
    let_go();
    if (fails) errno = EIO;
    return fails ? -1 : 0;
}
int fsync(int fd) { return flush(fd, SYS_fsync); }
int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }

static void freed(const char *path) {
    struct stat found;
    if (look(AT_FDCWD, path, &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink == 1 && !open_here(found.st_ino))
        control->used -= found.st_size;
}

static int rename_any(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char first[PATH_MAX], second[PATH_MAX];
    int was = ours(from_at, from, first), is = ours(to_at, to, second);
    if (!was && !is) return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (!was || !is) unknown("a rename over the border of the directory");
    take();
    int64_t used = control->used;
    freed(second);
    int result = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (result == 0) {
        say(RENAME, 0, 0, first, strlen(first), second, strlen(second));
    } else {
        control->used = used;
    }
    let_go();
    return result;
}
int rename(const char *from, const char *to) { return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) {
    return rename_any(from_at, from, to_at, to, 0);
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return rename_any(from_at, from, to_at, to, flags);
}

static int link_any(int from_at, const char *from, int to_at, const char *to, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    int was = ours(from_at, from, first), is = ours(to_at, to, second);
    if (!was && !is) return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (!was || !is) unknown("a link over the border of the directory");
    take();
    int result = (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (result == 0) say(LINK, 0, 0, first, strlen(first), second, strlen(second));
    let_go();
    return result;
}
int link(const char *from, const char *to) { return link_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    return link_any(from_at, from, to_at, to, flags);
}

int unlinkat(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    if (!ours(at, path, whole)) return (int)syscall(SYS_unlinkat, at, path, flags);
    take();
    int64_t used = control->used;
    if (!(flags & AT_REMOVEDIR)) freed(whole);
    int result = (int)syscall(SYS_unlinkat, at, path, flags);
    if (result == 0) {
        say_path(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, whole);
    } else {
        control->used = used;
    }
    let_go();
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    if (!ours(at, path, whole)) return (int)syscall(SYS_mkdirat, at, path, mode);
    take();
    int result = (int)syscall(SYS_mkdirat, at, path, mode);
    struct stat made;
    if (result == 0 && look(AT_FDCWD, whole, &made) == 0) say_path(MKDIR, made.st_ino, whole);
    let_go();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Ways to change a file that the product does not use: whoever begins to is told to teach the recorder. */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && tracked(fd) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) unknown("mmap for writing");
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, (long)offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    if (tracked(to)) {
        unknown("copy_file_range");
    }
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    if (tracked(to)) unknown("sendfile");
    return syscall(SYS_sendfile, to, from, offset, length);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }
int truncate(const char *path, off_t length) {
    char whole[PATH_MAX];
    if (ours(AT_FDCWD, path, whole)) unknown("truncate by name");
    return (int)syscall(SYS_truncate, path, (long)length);
}
int truncate64(const char *path, off64_t length) { return truncate(path, length); }

/* The wall clock alone: what passes stays what passes. */
static int is_wall(clockid_t which) {
    return which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
}
int clock_gettime(clockid_t which, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, which, now);
    if (result == 0 && control && is_wall(which)) {
        int64_t offset = control->clock_offset_us;
        int64_t nanoseconds = now->tv_nsec + (offset % 1000000) * 1000;
        now->tv_sec += offset / 1000000;
        if (nanoseconds >= 1000000000) now->tv_sec++, nanoseconds -= 1000000000;
        if (nanoseconds < 0) now->tv_sec--, nanoseconds += 1000000000;
        now->tv_nsec = nanoseconds;
    }
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec exact;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    if (result == 0) now->tv_sec = exact.tv_sec, now->tv_usec = exact.tv_nsec / 1000;
    return result;
}
time_t time(time_t *out) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (out) *out = exact.tv_sec;
    return exact.tv_sec;
}
