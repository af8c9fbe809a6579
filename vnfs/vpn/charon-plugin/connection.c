/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vnfs/vpn/charon-plugin/connection.h"

#include <errno.h>
#include <library.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <threading/condvar.h>
#include <threading/mutex.h>
#include <threading/thread.h>
#include <unistd.h>

/* Milliseconds. */
enum { FIRST_PAUSE = 100, LONGEST_PAUSE = 3200, PATIENCE = 5000, MOST_AWAY = 2000 };

struct millrace_connection {
  char* path;
  const char* release;
  struct millrace_listener listener;
  thread_t* thread;
  mutex_t* mutex;     /* of what follows, up to the answer */
  condvar_t* changed; /* each change of it */
  int fd;
  bool stop;
  bool ready;         /* hello and resync are over */
  timeval_t await_to; /* away: until then it is worth waiting */
  uint32_t serial;    /* of the last request */
  bool answered;
  struct millrace_answer answer;
  uint8_t buffer[MILLRACE_IKE_MOST_BYTES]; /* the thread's own */
};

static void milliseconds_from_now(timeval_t* when, int milliseconds) {
  time_monotonic(when);
  timeval_add_ms(when, (u_int)milliseconds);
}

static uint32_t seal(struct millrace_connection* this, void* request, size_t bytes) {
  struct millrace_ike_header header;
  memcpy(&header, request, sizeof(header));
  this->serial++;
  header.version = MILLRACE_IKE_VERSION;
  header.serial = this->serial;
  header.length = (uint32_t)bytes;
  memcpy(request, &header, sizeof(header));
  return header.serial;
}

static bool send_all(int fd, const void* message, size_t bytes) {
  for (;;) {
    if (send(fd, message, bytes, MSG_NOSIGNAL) == (ssize_t)bytes) return true;
    if (errno != EINTR) return false;
  }
}

/* Bytes of the next message in the buffer; 0 when the connection has ended, or nothing came in time. */
static size_t receive(struct millrace_connection* this, int patience) {
  for (;;) {
    struct pollfd waits = {.fd = this->fd, .events = POLLIN};
    const int found = poll(&waits, 1, patience);
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return 0;
    const ssize_t size = recv(this->fd, this->buffer, sizeof(this->buffer), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    struct millrace_ike_header header;
    if (size < (ssize_t)sizeof(header) || (size_t)size > sizeof(this->buffer)) return 0;
    memcpy(&header, this->buffer, sizeof(header));
    if (header.version != MILLRACE_IKE_VERSION) {
      DBG1(DBG_KNL,
           "millrace: the gateway speaks version %d of the protocol, this plugin %d: install both of one "
           "release",
           header.version, MILLRACE_IKE_VERSION);
      return 0;
    }
    if (header.length != (size_t)size) return 0;
    return (size_t)size;
  }
}

static bool read_answer(const uint8_t* message, size_t bytes, struct millrace_answer* answer) {
  const size_t head = sizeof(struct millrace_ike_header);
  if (bytes < head + sizeof(answer->body)) return false;
  memcpy(&answer->body, message + head, sizeof(answer->body));
  const size_t text = answer->body.text_bytes;
  if (text > MILLRACE_IKE_MOST_TEXT || head + sizeof(answer->body) + text != bytes) return false;
  memcpy(answer->text, message + head + sizeof(answer->body), text);
  answer->text[text] = '\0';
  return true;
}

/* Whether the message is the answer with this serial number; an event is handed on. */
static bool take(struct millrace_connection* this, size_t bytes, uint32_t serial,
                 struct millrace_answer* answer, bool* strange) {
  struct millrace_ike_header header;
  memcpy(&header, this->buffer, sizeof(header));
  if (header.type == MILLRACE_IKE_ANSWER) {
    if (header.serial == serial && read_answer(this->buffer, bytes, answer)) return true;
    *strange = true;
  } else {
    this->listener.event(this->listener.data, header.type, this->buffer + sizeof(header),
                         bytes - sizeof(header));
  }
  return false;
}

enum millrace_outcome millrace_connection_tell(struct millrace_connection* this, void* request, size_t bytes,
                                               struct millrace_answer* answer) {
  const uint32_t serial = seal(this, request, bytes);
  if (!send_all(this->fd, request, bytes)) return MILLRACE_LOST;
  for (;;) {
    bool strange = false;
    const size_t size = receive(this, PATIENCE);
    if (size == 0) return MILLRACE_LOST;
    if (take(this, size, serial, answer, &strange)) return MILLRACE_ANSWERED;
    if (strange) return MILLRACE_LOST;
  }
}

enum millrace_outcome millrace_connection_ask(struct millrace_connection* this, void* request, size_t bytes,
                                              struct millrace_answer* answer) {
  enum millrace_outcome outcome = MILLRACE_AWAY;
  this->mutex->lock(this->mutex);
  if (this->ready) {
    timeval_t until;
    milliseconds_from_now(&until, PATIENCE);
    this->answered = false;
    (void)seal(this, request, bytes);
    if (!send_all(this->fd, request, bytes)) shutdown(this->fd, SHUT_RDWR);
    while (this->ready && !this->answered) {
      if (!this->changed->timed_wait_abs(this->changed, this->mutex, until)) continue;
      DBG1(DBG_KNL, "millrace: the gateway does not answer; connecting again");
      shutdown(this->fd, SHUT_RDWR);
      break;
    }
    outcome = this->answered ? MILLRACE_ANSWERED : MILLRACE_LOST;
    if (this->answered) *answer = this->answer;
  }
  this->mutex->unlock(this->mutex);
  return outcome;
}

void millrace_connection_await(struct millrace_connection* this) {
  this->mutex->lock(this->mutex);
  while (!this->ready && !this->stop) {
    if (this->changed->timed_wait_abs(this->changed, this->mutex, this->await_to)) break;
  }
  this->mutex->unlock(this->mutex);
}

/* `attempt`: of how many in a row; the log has the first. */
static bool open_socket(struct millrace_connection* this, unsigned attempt) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const struct timeval patience = {.tv_sec = PATIENCE / 1000};
  const size_t length = strlen(this->path);
  if (length >= sizeof(address.sun_path)) {
    DBG1(DBG_KNL, "millrace: the path of a socket has at most %zu bytes: %s", sizeof(address.sun_path) - 1,
         this->path);
    return false;
  }
  memcpy(address.sun_path, this->path, length);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd, (const struct sockaddr*)&address, sizeof(address)) != 0) {
    dbg(DBG_KNL, attempt == 0 ? 1 : 3, "millrace: the VPN gateway does not answer on %s: %s; trying again",
        this->path, strerror(errno));
    close(fd);
    return false;
  }
  this->mutex->lock(this->mutex);
  this->fd = fd;
  const bool stop = this->stop;
  this->mutex->unlock(this->mutex);
  return !stop;
}

static void close_socket(struct millrace_connection* this) {
  this->mutex->lock(this->mutex);
  if (this->fd >= 0) close(this->fd);
  this->fd = -1;
  if (this->ready) milliseconds_from_now(&this->await_to, MOST_AWAY);
  this->ready = false;
  this->changed->broadcast(this->changed);
  this->mutex->unlock(this->mutex);
}

static bool greet(struct millrace_connection* this, unsigned attempt) {
  struct MILLRACE_IKE_PACKED {
    struct millrace_ike_header header;
    struct millrace_ike_hello hello;
  } message = {.header = {.type = MILLRACE_IKE_HELLO}, .hello = {.process = (uint32_t)getpid()}};
  struct millrace_answer answer;
  memcpy(message.hello.release, this->release, strnlen(this->release, sizeof(message.hello.release) - 1));
  if (millrace_connection_tell(this, &message, sizeof(message), &answer) != MILLRACE_ANSWERED) {
    dbg(DBG_KNL, attempt == 0 ? 1 : 3,
        "millrace: the VPN gateway on %s ends the connection: does it serve this user?", this->path);
    return false;
  }
  if (answer.body.status != MILLRACE_IKE_OK) {
    dbg(DBG_KNL, attempt == 0 ? 1 : 3, "millrace: the VPN gateway on %s refuses: %s", this->path,
        answer.text);
    return false;
  }
  return this->listener.resync(this->listener.data, this);
}

/* Until the connection ends. */
static void serve(struct millrace_connection* this) {
  this->mutex->lock(this->mutex);
  this->ready = true;
  this->changed->broadcast(this->changed);
  this->mutex->unlock(this->mutex);
  DBG1(DBG_KNL, "millrace: connected to the VPN gateway on %s", this->path);
  for (;;) {
    bool strange = false;
    struct millrace_answer answer;
    const size_t size = receive(this, -1);
    if (size == 0) break;
    this->mutex->lock(this->mutex);
    const uint32_t serial = this->serial;
    this->mutex->unlock(this->mutex);
    if (take(this, size, serial, &answer, &strange)) {
      this->mutex->lock(this->mutex);
      this->answer = answer;
      this->answered = true;
      this->changed->broadcast(this->changed);
      this->mutex->unlock(this->mutex);
    }
    if (strange) break;
  }
  DBG1(DBG_KNL, "millrace: the VPN gateway on %s is gone; its tunnels may stay as they are", this->path);
}

static void* run(struct millrace_connection* this) {
  unsigned attempt = 0;
  int pause = FIRST_PAUSE;
  for (;;) {
    if (open_socket(this, attempt) && greet(this, attempt)) {
      serve(this);
      attempt = 0;
      pause = FIRST_PAUSE;
    } else {
      attempt++;
    }
    close_socket(this);
    timeval_t until;
    milliseconds_from_now(&until, pause);
    this->mutex->lock(this->mutex);
    while (!this->stop && !this->changed->timed_wait_abs(this->changed, this->mutex, until)) continue;
    const bool stop = this->stop;
    this->mutex->unlock(this->mutex);
    if (stop) return NULL;
    if (pause < LONGEST_PAUSE) pause *= 2;
  }
}

struct millrace_connection* millrace_connection_create(const char* path, const char* release,
                                                       struct millrace_listener listener) {
  struct millrace_connection* this = calloc(1, sizeof(*this));
  if (!this) return NULL;
  this->path = strdup(path);
  this->release = release;
  this->listener = listener;
  this->fd = -1;
  this->mutex = mutex_create(MUTEX_TYPE_DEFAULT);
  this->changed = condvar_create(CONDVAR_TYPE_DEFAULT);
  milliseconds_from_now(&this->await_to, MOST_AWAY);
  this->thread = thread_create((thread_main_t)run, this);
  if (!this->thread) {
    millrace_connection_destroy(this);
    return NULL;
  }
  return this;
}

void millrace_connection_destroy(struct millrace_connection* this) {
  if (this->thread) {
    this->mutex->lock(this->mutex);
    this->stop = true;
    if (this->fd >= 0) shutdown(this->fd, SHUT_RDWR);
    this->changed->broadcast(this->changed);
    this->mutex->unlock(this->mutex);
    this->thread->join(this->thread);
  }
  this->changed->destroy(this->changed);
  this->mutex->destroy(this->mutex);
  free(this->path);
  free(this);
}
