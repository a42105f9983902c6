// Replaces clock_gettime. The clocks that count the time asleep run ahead by the number of seconds
// in a file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static int (*original)(clockid_t, struct timespec *);
static volatile int64_t *seconds;

__attribute__((constructor)) static void start(void) {
  original = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("SECONDS_ASLEEP");
  int file = path ? open(path, O_RDONLY) : -1;
  void *map = file < 0 ? MAP_FAILED : mmap(0, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
  seconds = map == MAP_FAILED ? 0 : map;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (!original) {
    start();
  }
  int result = original(clock, time);
  int counts = clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (!result && seconds && counts) {
    time->tv_sec += *seconds;
  }
  return result;
}
