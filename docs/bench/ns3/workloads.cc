// Workloads runs four loads on the engine of ns-3 and tells what an event of
// each costs there. docs/bench/compare builds it and sets its figures beside
// those of the same loads on dsim; README.md, beside this file, defines them.
//
//   workloads hold     dist=exp n=10000 sched=pq events=2000000
//   workloads timers   n=100000 sched=pq events=1000000
//   workloads pingpong sched=map events=1000000
//   workloads udp      sched=map events=200000
//   workloads grid     n=32 sched=pq events=500000
//
// It prints one line: the load as it was run, then ns, which is wall time an
// event, and what lets a reader doubt the figure: events timed, the simulated
// clock at the end (equal for equal arguments, always), and memory.
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

using namespace ns3;

namespace {

constexpr int64_t kMicro = 1000, kMilli = 1000 * kMicro, kSecond = 1000 * kMilli;

// Rand is splitmix64: a draw must cost next to nothing beside an event, and it
// must not be ns-3's, whose streams would be measured with it.
uint64_t g_state = 1;

inline uint64_t Rand() {
  uint64_t z = (g_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

inline uint32_t RandBelow(uint32_t n) { return uint32_t(((Rand() >> 32) * n) >> 32); }

// A stretch of wall time, from the end of the warm-up to the last event.
class Stopwatch {
 public:
  // Expect sets how many events warm up, and how many are then timed.
  void Expect(int64_t warm, int64_t timed) {
    left_ = warm;
    timed_ = timed;
    running_ = false;
    if (warm == 0) Start();
  }
  // Tick counts one event and reports whether it was the last.
  inline bool Tick() {
    if (--left_ > 0) return false;
    return Turn();
  }
  double NanosPerEvent() const {
    return std::chrono::duration<double, std::nano>(end_ - begin_).count() / double(timed_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  void Start() {
    running_ = true;
    left_ = timed_;
    begin_ = Clock::now();
  }
  bool Turn() {
    if (!running_) {
      Start();
      return false;
    }
    end_ = Clock::now();
    Simulator::Stop();
    return true;
  }
  int64_t left_ = 0, timed_ = 0;
  bool running_ = false;
  Clock::time_point begin_, end_;
};

Stopwatch g_watch;

// Arguments are KEY=VALUE, as in the line that is printed.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 2; i < argc; i++) {
      std::string a = argv[i];
      size_t eq = a.find('=');
      if (eq == std::string::npos) throw std::invalid_argument(a + ": want KEY=VALUE");
      values_[a.substr(0, eq)] = a.substr(eq + 1);
    }
  }
  std::string Text(const std::string& key, const std::string& otherwise) {
    auto it = values_.find(key);
    if (it == values_.end()) return otherwise;
    std::string v = it->second;
    values_.erase(it);
    return v;
  }
  int64_t Count(const std::string& key, int64_t otherwise) {
    std::string v = Text(key, std::to_string(otherwise));
    char* end = nullptr;
    int64_t n = std::strtoll(v.c_str(), &end, 10);
    if (v.empty() || *end != 0 || n < 1 || n > 1000000000) {
      throw std::invalid_argument(key + " " + v + ": must be 1 to 1000000000");
    }
    return n;
  }
  void WantNoMore() const {
    if (!values_.empty()) throw std::invalid_argument("no argument is called " + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
};

// What a load says of itself, for the printed line.
struct Outcome {
  std::string load;  // with its own arguments
  int64_t events;    // timed
  double bytes_per_node = 0;
};

// Resident memory now, in bytes.
double Resident() {
  long size = 0, resident = 0;
  if (FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%ld %ld", &size, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return double(resident) * double(sysconf(_SC_PAGESIZE));
}

// ---- hold: n events are pending, and each that fires schedules one.

// Delays are quantiles in a table, and ten random bits on top: no logarithm is
// drawn while the watch runs.
std::array<int64_t, 1024> g_quantile;
uint64_t g_jitter = 1023;

void HoldFire() {
  if (g_watch.Tick()) return;
  uint64_t r = Rand();
  Simulator::Schedule(NanoSeconds(g_quantile[r >> 54] + int64_t((r >> 20) & g_jitter)), &HoldFire);
}

// Each is what the load of its name is in dsim's benchmarks.
void FillQuantiles(const std::string& dist) {
  for (size_t i = 0; i < g_quantile.size(); i++) {
    double u = (double(i) + 0.5) / double(g_quantile.size());
    double d;
    if (dist == "exp") {
      d = -std::log(1 - u) * double(kMilli);
    } else if (dist == "uniform") {
      d = u * 2 * double(kMilli);
    } else if (dist == "pareto") {
      d = double(kMicro) / (1 - u);
    } else if (dist == "bimodal") {
      d = u < 0.9 ? double(kMicro) : double(kSecond);
    } else if (dist == "const" || dist == "instant") {
      d = dist == "const" ? double(kMilli) : 0;
      g_jitter = 0;
    } else {
      throw std::invalid_argument("dist " + dist + ": must be exp, uniform, const, bimodal, pareto or instant");
    }
    g_quantile[i] = int64_t(d + 0.5);
  }
}

Outcome Hold(Arguments& args) {
  std::string dist = args.Text("dist", "exp");
  int64_t n = args.Count("n", 100), events = args.Count("events", 2000000);
  args.WantNoMore();
  FillQuantiles(dist);
  for (int64_t i = 0; i < n; i++) {
    // A constant delay keeps the order of the start for ever: spread over one
    // delay it is the pattern of links that are busy.
    int64_t at = g_quantile[Rand() >> 54];
    if (dist == "const") at = kMilli * (i + 1) / n;
    Simulator::Schedule(NanoSeconds(at), &HoldFire);
  }
  g_watch.Expect(n, events);
  Simulator::Run();
  return {"workload=hold dist=" + dist + " n=" + std::to_string(n), events};
}

// ---- timers: n are live; a random one is cancelled and armed again.

std::vector<EventId> g_timers;

void TimerArm(uint32_t i);
void TimerFire(uint32_t i) { TimerArm(i); }
void TimerArm(uint32_t i) {
  int64_t delay = kMilli + int64_t(Rand() % uint64_t(kSecond - kMilli));
  g_timers[i] = Simulator::Schedule(NanoSeconds(delay), &TimerFire, i);
}

// Ten operations every 10 us of simulated time, so that the event which drives
// them weighs a tenth in the figure.
void TimerDrive() {
  for (int k = 0; k < 10; k++) {
    uint32_t i = RandBelow(uint32_t(g_timers.size()));
    Simulator::Cancel(g_timers[i]);
    TimerArm(i);
    if (g_watch.Tick()) return;
  }
  Simulator::Schedule(NanoSeconds(10 * kMicro), &TimerDrive);
}

Outcome Timers(Arguments& args) {
  int64_t n = args.Count("n", 100000), events = args.Count("events", 1000000);
  args.WantNoMore();
  g_timers.resize(size_t(n));
  for (uint32_t i = 0; i < n; i++) TimerArm(i);
  Simulator::Schedule(NanoSeconds(0), &TimerDrive);
  // Cancelled events stay in the queue until their time: it has reached its
  // size only after a second, which is a million operations.
  g_watch.Expect(1000000, events);
  Simulator::Run();
  return {"workload=timers n=" + std::to_string(n), events};
}

// ---- pingpong: 1,000 bytes out, 20 back, one at a time; an event is a packet.

constexpr uint32_t kOut = 1000, kBack = 20;
constexpr uint16_t kIpv4 = 0x0800;  // PPP knows few protocols; this is one

Address g_everyone;  // GetBroadcast would parse it anew for each packet
bool g_dropped = false;

PointToPointHelper Wire() {
  PointToPointHelper p2p;
  p2p.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
  p2p.SetChannelAttribute("Delay", StringValue("1ms"));
  return p2p;
}

template <uint32_t kReply>
bool DeviceReceive(Ptr<NetDevice> d, Ptr<const Packet>, uint16_t, const Address&) {
  if (!g_watch.Tick()) d->Send(Create<Packet>(kReply), g_everyone, kIpv4);
  return true;
}

Outcome Pingpong(Arguments& args) {
  int64_t events = args.Count("events", 1000000);
  args.WantNoMore();
  NodeContainer nodes;
  nodes.Create(2);
  NetDeviceContainer ends = Wire().Install(nodes);
  ends.Get(0)->SetReceiveCallback(MakeCallback(&DeviceReceive<kOut>));
  ends.Get(1)->SetReceiveCallback(MakeCallback(&DeviceReceive<kBack>));
  Simulator::Schedule(NanoSeconds(0), [ends] { ends.Get(0)->Send(Create<Packet>(kOut), g_everyone, kIpv4); });
  g_watch.Expect(events / 10, events);
  Simulator::Run();
  return {"workload=pingpong n=2", events};
}

template <uint32_t kReply>
void SocketReceive(Ptr<Socket> s) {
  Address from;
  while (s->RecvFrom(from)) {
    if (g_watch.Tick()) return;
    s->SendTo(Create<Packet>(kReply), 0, from);
  }
}

Outcome Udp(Arguments& args) {
  int64_t events = args.Count("events", 200000);
  args.WantNoMore();
  NodeContainer nodes;
  nodes.Create(2);
  InternetStackHelper().Install(nodes);
  Ipv4AddressHelper net("10.0.0.0", "255.255.255.0");
  Ipv4InterfaceContainer addrs = net.Assign(Wire().Install(nodes));
  auto open = [&](uint32_t i) {
    Ptr<Socket> s = Socket::CreateSocket(nodes.Get(i), UdpSocketFactory::GetTypeId());
    if (s->Bind(InetSocketAddress(addrs.GetAddress(i), 9)) != 0) throw std::runtime_error("udp: cannot bind");
    return s;
  };
  Ptr<Socket> a = open(0), b = open(1);
  a->SetRecvCallback(MakeCallback(&SocketReceive<kOut>));
  b->SetRecvCallback(MakeCallback(&SocketReceive<kBack>));
  InetSocketAddress to(addrs.GetAddress(1), 9);
  Simulator::Schedule(NanoSeconds(0), [a, to] { a->SendTo(Create<Packet>(kOut), 0, to); });
  g_watch.Expect(events / 10, events);
  Simulator::Run();
  return {"workload=udp n=2", events};
}

// ---- grid: n times n nodes, 4,096 tokens that walk at random; an event is a hop.

constexpr uint32_t kTokens = 4096, kTokenBytes = 100;

std::vector<std::vector<Ptr<NetDevice>>> g_devices;  // of each node

void GridSend(uint32_t node, Ptr<Packet> token) {
  auto& out = g_devices[node];
  // A queue that is full would lose the token, and the load would shrink.
  if (!out[RandBelow(uint32_t(out.size()))]->Send(token, g_everyone, kIpv4)) g_dropped = true;
}

bool GridReceive(Ptr<NetDevice> d, Ptr<const Packet> token, uint16_t, const Address&) {
  if (!g_watch.Tick()) GridSend(d->GetNode()->GetId(), token->Copy());
  return true;
}

Outcome Grid(Arguments& args) {
  uint32_t side = uint32_t(args.Count("n", 32));
  int64_t events = args.Count("events", 500000);
  args.WantNoMore();
  double before = Resident();
  NodeContainer nodes;
  nodes.Create(side * side);
  g_devices.resize(side * side);
  PointToPointHelper wire = Wire();
  auto join = [&](uint32_t a, uint32_t b) {
    NetDeviceContainer ends = wire.Install(nodes.Get(a), nodes.Get(b));
    for (uint32_t i : {0, 1}) {
      g_devices[i == 0 ? a : b].push_back(ends.Get(i));
      ends.Get(i)->SetReceiveCallback(MakeCallback(&GridReceive));
    }
  };
  for (uint32_t at = 0; at < side * side; at++) {
    if (at % side + 1 < side) join(at, at + 1);
    if (at + side < side * side) join(at, at + side);
  }
  double bytes = (Resident() - before) / double(side * side);
  for (uint32_t t = 0; t < kTokens; t++) {
    Simulator::Schedule(NanoSeconds(t), [t, side] { GridSend(t % (side * side), Create<Packet>(kTokenBytes)); });
  }
  g_watch.Expect(2 * kTokens, events);
  Simulator::Run();
  return {"workload=grid n=" + std::to_string(side), events, bytes};
}

// ----

void Main(int argc, char** argv) {
  const std::map<std::string, std::function<Outcome(Arguments&)>> loads = {
      {"hold", Hold}, {"timers", Timers}, {"pingpong", Pingpong}, {"udp", Udp}, {"grid", Grid}};
  const std::map<std::string, std::string> schedulers = {{"map", "ns3::MapScheduler"},
                                                         {"heap", "ns3::HeapScheduler"},
                                                         {"calendar", "ns3::CalendarScheduler"},
                                                         {"pq", "ns3::PriorityQueueScheduler"},
                                                         {"list", "ns3::ListScheduler"}};
  auto load = loads.find(argc > 1 ? argv[1] : "");
  if (load == loads.end()) throw std::invalid_argument("want a load: hold, timers, pingpong, udp or grid");
  Arguments args(argc, argv);
  std::string name = args.Text("sched", "map");
  auto sched = schedulers.find(name);
  if (sched == schedulers.end()) {
    throw std::invalid_argument("sched " + name + ": must be map, heap, calendar, pq or list");
  }
  Simulator::SetScheduler(ObjectFactory(sched->second));
  g_everyone = Mac48Address::GetBroadcast();

  Outcome o = load->second(args);
  if (g_dropped) throw std::runtime_error("grid: a token was dropped");
  struct rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  std::printf("%s sched=%s ns=%.2f events=%lld clock=%lld rss-kib=%ld", o.load.c_str(), name.c_str(),
              g_watch.NanosPerEvent(), (long long)o.events, (long long)Simulator::Now().GetNanoSeconds(),
              used.ru_maxrss);
  if (o.bytes_per_node > 0) std::printf(" bytes=%.0f", o.bytes_per_node);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "workloads: %s\n", e.what());
    std::_Exit(2);
  }
  std::_Exit(0);  // taking down a million pending events is not part of a load
}
