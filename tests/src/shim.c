/* Preloaded into a process: makes its databases fail and its clock jump, as a file says that a test writes.
 *
 * Only files whose name ends in .db, .db-wal or .db-journal are touched. The control file is mapped, so that looking at
 * it costs nothing.
 *
 * After `cut_after` more writes the power is cut: of each file, every sector that was written since it was last
 * synced is at random what it was before or what it is now, what was appended is cut at random, and the process is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int64_t fail_writes; /* errno of every write and sync; 0 for none */
    volatile int64_t clock_seconds; /* added to the wall clock */
    volatile int64_t cut_after; /* writes until the power is cut; 0 for never */
    volatile int64_t seed;
};

#define SECTOR 512
#define FILES 4096

struct sector {
    off_t at;
    unsigned char before[SECTOR];
    struct sector *next;
};

/* A database file that is open. Several descriptors of one file share what is unsynced by its inode. */
struct file {
    ino_t inode;
    off_t synced_size;
    struct sector *dirty;
};

static struct control *control;
static struct control none;
static unsigned char watched[FILES]; /* by descriptor */
static struct file files[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *, void *);

static void __attribute__((constructor)) begin(void)
{
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");
    control = &none;
    const char *path = getenv("CHAOS_CONTROL");
    int fd = path ? real_open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            control = map;
        real_close(fd);
    }
    /* Not for what this process starts. */
    unsetenv("LD_PRELOAD");
}

static int is_database(const char *path)
{
    static const char *const ends[] = {".db", ".db-wal", ".db-journal"};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (length >= end && strcmp(path + length - end, ends[i]) == 0)
            return 1;
    }
    return 0;
}

static struct file *file_of(int fd)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return NULL;
    struct file *free = NULL;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i].inode == stat.st_ino)
            return &files[i];
        if (files[i].inode == 0 && free == NULL)
            free = &files[i];
    }
    if (free != NULL) {
        free->inode = stat.st_ino;
        free->synced_size = stat.st_size;
    }
    return free;
}

/* Keeps what a range of the file is, as far as it was synced. */
static void remember(int fd, off_t from, off_t to)
{
    struct file *file = file_of(fd);
    if (file == NULL)
        return;
    for (off_t at = from / SECTOR * SECTOR; at < to; at += SECTOR) {
        if (at >= file->synced_size)
            break;
        struct sector *known = file->dirty;
        while (known != NULL && known->at != at)
            known = known->next;
        if (known != NULL)
            continue;
        struct sector *sector = calloc(1, sizeof *sector);
        sector->at = at;
        if (pread(fd, sector->before, SECTOR, at) < 0)
            memset(sector->before, 0, SECTOR);
        sector->next = file->dirty;
        file->dirty = sector;
    }
}

static void synced(int fd)
{
    struct stat stat;
    struct file *file = file_of(fd);
    if (file == NULL || fstat(fd, &stat) != 0)
        return;
    while (file->dirty != NULL) {
        struct sector *next = file->dirty->next;
        free(file->dirty);
        file->dirty = next;
    }
    file->synced_size = stat.st_size;
}

static void cut(void)
{
    unsigned int seed = (unsigned int)control->seed;
    unsigned char done[64] = {0};
    for (int fd = 0; fd < FILES; fd++) {
        struct stat stat;
        if (!watched[fd] || fstat(fd, &stat) != 0)
            continue;
        struct file *file = file_of(fd);
        if (file == NULL || done[file - files])
            continue;
        done[file - files] = 1;
        for (struct sector *sector = file->dirty; sector != NULL; sector = sector->next) {
            off_t rest = file->synced_size - sector->at;
            if (rand_r(&seed) % 2 && rest > 0)
                real_pwrite(fd, sector->before, rest < SECTOR ? (size_t)rest : SECTOR, sector->at);
        }
        if (stat.st_size > file->synced_size) {
            /* What was appended has arrived in part, and not in order. */
            for (off_t at = file->synced_size; at < stat.st_size; at += SECTOR) {
                static const unsigned char zeros[SECTOR];
                off_t rest = stat.st_size - at;
                if (rand_r(&seed) % 3 == 0)
                    real_pwrite(fd, zeros, rest < SECTOR ? (size_t)rest : SECTOR, at);
            }
            off_t appended = stat.st_size - file->synced_size;
            real_ftruncate(fd, file->synced_size + (off_t)(rand_r(&seed) % (unsigned)(appended + 1)));
        } else if (stat.st_size < file->synced_size) {
            /* That it was made shorter may not have arrived. */
            real_ftruncate(fd, file->synced_size);
            for (struct sector *sector = file->dirty; sector != NULL; sector = sector->next)
                real_pwrite(fd, sector->before, SECTOR, sector->at);
            real_ftruncate(fd, file->synced_size);
        }
    }
    kill(getpid(), SIGKILL);
}

/* Whether a write or sync is to fail. Called with the lock held, which the cut never gives back. */
static int fails(void)
{
    if (control->cut_after > 0 && --control->cut_after == 0)
        cut();
    errno = (int)control->fail_writes;
    return errno != 0;
}

static int is_watched(int fd)
{
    return fd >= 0 && fd < FILES && watched[fd];
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < FILES)
        watched[fd] = (unsigned char)is_database(path);
    return fd;
}

int open(const char *path, int flags, ...) __attribute__((alias("open64")));

int close(int fd)
{
    /* What is unsynced stays known: closing does not sync. */
    if (is_watched(fd))
        watched[fd] = 0;
    return real_close(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (!is_watched(fd))
        return real_write(fd, data, size);
    pthread_mutex_lock(&lock);
    off_t at = lseek(fd, 0, SEEK_CUR);
    remember(fd, at, at + (off_t)size);
    ssize_t written = fails() ? -1 : real_write(fd, data, size);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    if (!is_watched(fd))
        return real_pwrite(fd, data, size, at);
    pthread_mutex_lock(&lock);
    remember(fd, at, at + (off_t)size);
    ssize_t written = fails() ? -1 : real_pwrite(fd, data, size, at);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) __attribute__((alias("pwrite64")));

int ftruncate64(int fd, off_t size)
{
    if (!is_watched(fd))
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    struct stat stat;
    if (fstat(fd, &stat) == 0)
        remember(fd, size, stat.st_size);
    int result = fails() ? -1 : real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) __attribute__((alias("ftruncate64")));

static int sync_with(int (*real)(int), int fd)
{
    if (!is_watched(fd))
        return real(fd);
    pthread_mutex_lock(&lock);
    int result = fails() ? -1 : real(fd);
    if (result == 0)
        synced(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd)
{
    return sync_with(real_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_with(real_fdatasync, fd);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = real_clock_gettime(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += control->clock_seconds;
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    int result = real_gettimeofday(time, zone);
    if (result == 0)
        time->tv_sec += control->clock_seconds;
    return result;
}
