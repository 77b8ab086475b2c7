// The floor of a fan-out: a loop of write(2) over the sockets, one write a listener and tick. The argument is the data
// of the events. Obeys the same lines as the other servers.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LISTENERS 100000
#define MAX_EVENTS 1000

static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";
static int listeners[MAX_LISTENERS];
static int count;
static long seq;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0) fail("write");
    bytes += written;
    length -= (size_t)written;
  }
}

static void publish(int events, const char *data) {
  size_t room = (strlen(data) + 64) * (size_t)events;
  char *frames = malloc(room);
  char *chunk = malloc(room + 32);
  if (!frames || !chunk) fail("malloc");
  size_t length = 0;
  for (int i = 0; i < events; i++) {
    length += (size_t)snprintf(frames + length, room - length, "id: floor000.%ld\ndata: %s\n\n", ++seq, data);
  }
  size_t size = (size_t)snprintf(chunk, room + 32, "%zx\r\n", length);
  memcpy(chunk + size, frames, length);
  memcpy(chunk + size + length, "\r\n", 2);
  size += length + 2;
  for (int i = 0; i < count; i++) write_all(listeners[i], chunk, size);
  free(frames);
  free(chunk);
}

static void let_in(int server) {
  int fd = accept(server, NULL, NULL);
  if (fd < 0) fail("accept");
  if (count == MAX_LISTENERS) exit(1);
  char request[4096];
  // The sink sends its request in one piece.
  if (read(fd, request, sizeof request) <= 0) fail("read");
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  write_all(fd, HEAD, sizeof HEAD - 1);
  listeners[count++] = fd;
}

static void tell_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/** Obeys the lines that have come. Gives 0 at the end of the input. */
static int obey(const char *data) {
  static char lines[4096];
  static size_t held;
  ssize_t got = read(STDIN_FILENO, lines + held, sizeof lines - 1 - held);
  if (got <= 0) return 0;
  held += (size_t)got;
  lines[held] = 0;
  char *line = lines;
  for (char *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    int events;
    if (strcmp(line, "cpu") == 0) tell_cpu();
    else if (sscanf(line, "publish %d", &events) == 1 && events > 0 && events <= MAX_EVENTS) publish(events, data);
  }
  held = strlen(line);
  memmove(lines, line, held + 1);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2) return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(server, (struct sockaddr *)&address, size) < 0 || listen(server, 65535) < 0) fail("listen");
  getsockname(server, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  struct pollfd waiting[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = server, .events = POLLIN}};
  for (;;) {
    if (poll(waiting, 2, -1) < 0) fail("poll");
    if (waiting[1].revents) let_in(server);
    if (waiting[0].revents && !obey(argv[1])) return 0;
  }
}
