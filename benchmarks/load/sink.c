// Listeners as cheap as can be: they count the events of their streams and keep nothing. Lines on standard input:
//
//   connect PORT COUNT WINDOW TARGET  connects COUNT listeners, at most WINDOW of them at a time waiting for their first byte;
//                                     answers "connected" when each has had one. In TARGET, {n} is the number of the listener, from 0,
//                                     and {t} a tenth of it
//   expect EVENTS                     answers "got MIN MAX" when each has had EVENTS more events; MIN and MAX are the bytes
//                                     that one listener has had since the last "got"
//   header NAME: VALUE                what requests to come have besides; before "connect"
//   deaf                              listeners to come read their first byte and never again; before "connect"
//   bytes COUNT                       answers "got" when each has had COUNT more bytes: where the events are compressed
//   settle                            answers "settled" when nothing has come for a quarter of a second; a "got" begins here
//   compare                           answers "same COUNT" when nothing has come for a quarter of a second; COUNT are the bytes that each
//                                     has had since "settle". It ends the sink where one has had other bytes than the first
//   latencies                         answers "P50 P99 MAX COUNT" in microseconds, of the events since the last time that carry
//                                     when they were published: "@", nanoseconds of CLOCK_MONOTONIC, then their last byte
//
// An event's data ends with '~', which is nowhere else. Too many events, an answer other than 200 or a cut connection end it.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_READY 1024
#define SETTLED_MS 250
// As little as the system allows, and segments as on Ethernet: with those of loopback the kernel of the server takes megabytes for a
// connection. So what is not read piles up in the server.
#define DEAF_BUFFER_BYTES 4096
#define DEAF_SEGMENT_BYTES 1460
#define MAX_STAMP_DIGITS 20

struct listener {
  int fd;
  long events;
  long bytes;
  long bytes_before;
  long compared;
  uint64_t hash;
};

static struct listener *listeners;
static int count, opened, answered, window;
static long expected;
static long expected_bytes;
static int behind;
static int deaf, settling, comparing, settled;
static char headers[2048];
static char request[8192];
static unsigned *latencies;
static size_t latency_count, latency_room;
static struct sockaddr_in server = {.sin_family = AF_INET};
static int queue;
static char bytes[256 * 1024];

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

static void wait_for(int fd, uint32_t events, void *whom, int how) {
  struct epoll_event event = {.events = events, .data.ptr = whom};
  if (epoll_ctl(queue, how, fd, &event) < 0) fail("epoll_ctl: %s", strerror(errno));
}

static void open_more(void) {
  while (opened < count && opened - answered < window) {
    struct listener *listener = &listeners[opened++];
    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) fail("socket: %s", strerror(errno));
    int room = DEAF_BUFFER_BYTES, segment = DEAF_SEGMENT_BYTES;
    if (deaf && (setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0 || setsockopt(listener->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment) < 0)) fail("setsockopt: %s", strerror(errno));
    int done = connect(listener->fd, (struct sockaddr *)&server, sizeof server);
    if (done < 0 && errno != EINPROGRESS) fail("connect: %s", strerror(errno));
    wait_for(listener->fd, EPOLLOUT, listener, EPOLL_CTL_ADD);
  }
}

static void tell_got(void) {
  long least = 0, most = 0;
  for (int i = 0; i < count; i++) {
    struct listener *listener = &listeners[i];
    if (!expected_bytes && listener->events != expected) fail("a listener got %ld events where %ld were published", listener->events, expected);
    long got = listener->bytes - listener->bytes_before;
    listener->bytes_before = listener->bytes;
    if (i == 0 || got < least) least = got;
    if (i == 0 || got > most) most = got;
  }
  if (expected_bytes && most != expected_bytes) fail("a listener got %ld bytes where %ld were sent", most, expected_bytes);
  printf("got %ld %ld\n", least, most);
}

/** Notes how long ago the event that ends here was published, where it says that. One cut in two by a read is not noted. */
static void note_latency(const char *end, long now) {
  long stamp = 0, place = 1;
  for (int digits = 0; digits < MAX_STAMP_DIGITS && --end >= bytes; digits++, place *= 10) {
    if (*end >= '0' && *end <= '9') {
      stamp += place * (*end - '0');
      continue;
    }
    if (*end != '@' || digits == 0) return;
    if (latency_count == latency_room) {
      latency_room = latency_room ? latency_room * 2 : 65536;
      latencies = realloc(latencies, latency_room * sizeof *latencies);
      if (!latencies) fail("realloc: %s", strerror(errno));
    }
    latencies[latency_count++] = (unsigned)((now - stamp) / 1000);
    return;
  }
}

static long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

static int compare(const void *left, const void *right) {
  unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;
  return (a > b) - (a < b);
}

static void tell_latencies(void) {
  if (latency_count == 0) fail("no event says when it was published");
  qsort(latencies, latency_count, sizeof *latencies, compare);
  printf("%u %u %u %zu\n", latencies[latency_count / 2], latencies[latency_count * 99 / 100], latencies[latency_count - 1], latency_count);
  latency_count = 0;
}

static int has_all(const struct listener *listener) {
  return expected_bytes ? listener->bytes - listener->bytes_before >= expected_bytes : listener->events >= expected;
}

/** Adds what has come to what stands for all bytes of this listener: FNV-1a. */
static void hash(struct listener *listener, ssize_t got) {
  uint64_t value = listener->hash;
  for (ssize_t i = 0; i < got; i++) value = (value ^ (unsigned char)bytes[i]) * 1099511628211u;
  listener->hash = value;
  listener->compared += got;
}

static void take(struct listener *listener) {
  ssize_t got = read(listener->fd, bytes, sizeof bytes);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("a listener was cut off after %ld events: %s", listener->events, got < 0 ? strerror(errno) : "end of stream");
  if (listener->bytes == 0) {
    if (got < 12 || memcmp(bytes, "HTTP/1.1 200", 12) != 0) fail("a listener was answered %.*s", (int)(got < 300 ? got : 300), bytes);
    answered++;
    if (answered == count) printf("connected\n");
    else open_more();
  }
  int had_all = has_all(listener);
  listener->bytes += got;
  if (settled) hash(listener, got);
  long now = nanoseconds();
  for (char *at = bytes, *end = bytes + got; !expected_bytes && (at = memchr(at, '~', (size_t)(end - at))); at++) {
    listener->events++;
    note_latency(at, now);
  }
  if (deaf) wait_for(listener->fd, 0, NULL, EPOLL_CTL_DEL);
  if (!had_all && has_all(listener) && --behind == 0) tell_got();
}

/** The request of a listener. */
static const char *request_of(const struct listener *listener) {
  static char own[sizeof request];
  size_t length = 0;
  for (const char *at = request; *at && length < sizeof own - 16; at++) {
    int is_number = strncmp(at, "{n}", 3) == 0, is_tenth = strncmp(at, "{t}", 3) == 0;
    if (!is_number && !is_tenth) {
      own[length++] = *at;
      continue;
    }
    length += (size_t)sprintf(own + length, "%d", (int)(listener - listeners) / (is_tenth ? 10 : 1));
    at += 2;
  }
  own[length] = 0;
  return own;
}

static void meet(struct listener *listener, uint32_t events) {
  if (!(events & EPOLLOUT)) {
    take(listener);
    return;
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(listener->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) fail("connect: %s", strerror(error));
  const char *own = request_of(listener);
  ssize_t length = (ssize_t)strlen(own);
  if (write(listener->fd, own, (size_t)length) != length) fail("write: %s", strerror(errno));
  wait_for(listener->fd, EPOLLIN, listener, EPOLL_CTL_MOD);
}

static void wait_for_all(void) {
  behind = 0;
  for (int i = 0; i < count; i++) behind += !has_all(&listeners[i]);
  if (behind == 0) tell_got();
}

static void tell_settled(void) {
  settling = 0;
  settled = 1;
  for (int i = 0; i < count; i++) listeners[i].bytes_before = listeners[i].bytes;
  printf("settled\n");
}

static void tell_same(void) {
  comparing = 0;
  for (int i = 1; i < count; i++) {
    if (listeners[i].compared != listeners[0].compared) fail("a listener got %ld bytes where another got %ld", listeners[i].compared, listeners[0].compared);
    if (listeners[i].hash != listeners[0].hash) fail("a listener got other bytes than another, %ld of them", listeners[i].compared);
  }
  printf("same %ld\n", listeners[0].compared);
}

static void obey_line(const char *line) {
  int port;
  long more;
  char target[2048];
  if (sscanf(line, "connect %d %d %d %2047s", &port, &count, &window, target) == 4) {
    listeners = calloc((size_t)count, sizeof *listeners);
    if (!listeners) fail("calloc: %s", strerror(errno));
    server.sin_port = htons((uint16_t)port);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n%s\r\n", target, port, headers);
    open_more();
  } else if (sscanf(line, "expect %ld", &more) == 1) {
    expected += more;
    wait_for_all();
  } else if (sscanf(line, "bytes %ld", &expected_bytes) == 1) wait_for_all();
  else if (strncmp(line, "header ", 7) == 0) {
    size_t held = strlen(headers);
    snprintf(headers + held, sizeof headers - held, "%s\r\n", line + 7);
  } else if (strcmp(line, "deaf") == 0) deaf = 1;
  else if (strcmp(line, "settle") == 0) settling = 1;
  else if (strcmp(line, "compare") == 0) comparing = 1;
  else if (strcmp(line, "latencies") == 0) tell_latencies();
  else fail("unknown line: %s", line);
}

/** Obeys the lines that have come. Gives 0 at the end of the input. */
static int obey(void) {
  static char lines[8192];
  static size_t held;
  ssize_t got = read(STDIN_FILENO, lines + held, sizeof lines - 1 - held);
  if (got <= 0) return 0;
  held += (size_t)got;
  lines[held] = 0;
  char *line = lines;
  for (char *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    obey_line(line);
  }
  held = strlen(line);
  memmove(lines, line, held + 1);
  return 1;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  queue = epoll_create1(0);
  wait_for(STDIN_FILENO, EPOLLIN, NULL, EPOLL_CTL_ADD);
  struct epoll_event ready[MAX_READY];
  for (;;) {
    int found = epoll_wait(queue, ready, MAX_READY, settling || comparing ? SETTLED_MS : -1);
    if (found < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    if (found == 0 && settling) tell_settled();
    else if (found == 0 && comparing) tell_same();
    for (int i = 0; i < found; i++) {
      if (ready[i].data.ptr) meet(ready[i].data.ptr, ready[i].events);
      else if (!obey()) return 0;
    }
  }
}
