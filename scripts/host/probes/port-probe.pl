# A host's side of the preflight's question "who reaches whom": listens for some seconds on the ports that the cluster is
# going to use, tries those of other hosts, and measures what size of packet gets through. Changes nothing.
#
#   perl - NAME ADDRESS < port-probe.pl, then requests, one a line, on the same input      (as root)
#
# Perl, since every Debian and Ubuntu has it (perl-base), while nc, socat, ping and python are often not there.
#
#   clock                      the time of this host
#   listen TOKEN PORT/PROTO …  opens the ports on ADDRESS; answers `busy PORT/PROTO` where another program listens
#   target NAME ADDRESS PORT/PROTO …
#                              remembers what to try, on another host or this one: TCP+ stands for a port that a service of its own holds
#   probe SECONDS              tries all targets at once: `link NAME PORT/PROTO OUTCOME`, `mtu NAME SENT ANSWERED`
#   arrived                    who has sent datagrams to these ports: `arrived NAME PORT/PROTO`
#   end
#
# Every answer ends with a line `ok`; `target` has none. The ports close when the input ends, as it does when the
# connection breaks, and after LIFETIME seconds even when nobody notices that the operator's machine is gone.

use strict;
use warnings;
use Errno qw(EADDRINUSE EINPROGRESS EMSGSIZE);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket;

use constant LIFETIME => 120;

# Bytes of the packets that are tried besides the largest that the interface sends: common MTUs, and some below.
my @sizes = (8000, 4000, 1500, 1492, 1480, 1460, 1450, 1420, 1400, 1350, 1280, 1000, 576, 100);

# Values of Linux that the module Socket of older systems does not name.
use constant { IP_MTU_DISCOVER => 10, IP_PMTUDISC_PROBE => 3, IP_MTU => 14 };

my ($name, $address) = @ARGV;
die "usage: port-probe.pl NAME ADDRESS\n" unless defined $address;

# preflight.sh of another preflight that looks for holders of these ports knows this name.
$0 = 'multicast-swarm preflight';
alarm LIFETIME;
$| = 1;

my $token = '';
my %readable;      # file number => [socket, what to do when it can be read]
my %writable;
my @targets;
my %arrived;       # "NAME PORT/PROTO" => 1
my $probe;         # what is under way: { pending, results, until, … }
my $requests = '';

on_read(\*STDIN, \&read_requests);
print "ok\n";
while (1) {
    turn(0.1);
    finish_probe() if $probe;
}

# ---- the loop ----

# The module Time::HiRes is not part of perl-base.
sub now {
    open my $uptime, '<', '/proc/uptime' or die "cannot read /proc/uptime: $!\n";
    return (split ' ', <$uptime>)[0];
}

sub on_read  { my ($socket, $do) = @_; $readable{ fileno $socket } = [$socket, $do]; }
sub on_write { my ($socket, $do) = @_; $writable{ fileno $socket } = [$socket, $do]; }

sub forget {
    my ($socket) = @_;
    delete $readable{ fileno $socket };
    delete $writable{ fileno $socket };
    close $socket;
}

sub turn {
    my ($seconds) = @_;
    my ($read, $write) = ('', '');
    vec($read,  $_, 1) = 1 for keys %readable;
    vec($write, $_, 1) = 1 for keys %writable;
    return if select($read, $write, undef, $seconds) <= 0;
    for my $number (grep { vec($read, $_, 1) } keys %readable) {
        my $entry = $readable{$number} or next;
        $entry->[1]->($entry->[0]);
    }
    for my $number (grep { vec($write, $_, 1) } keys %writable) {
        my $entry = delete $writable{$number} or next;
        $entry->[1]->($entry->[0]);
    }
}

sub unblocked {
    my ($socket) = @_;
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or die "cannot unblock a socket: $!\n";
    return $socket;
}

# ---- requests ----

sub read_requests {
    my $count = sysread STDIN, $requests, 65536, length $requests;
    exit 0 unless $count;
    while ($requests =~ s/^(.*?)\r?\n//) {
        my ($what, @words) = split ' ', $1;
        next unless defined $what;
        if ($what eq 'clock') { chomp(my $time = `date +%s.%N`); print "clock $time\nok\n"; }
        elsif ($what eq 'listen') { listen_on(@words); print "ok\n"; }
        elsif ($what eq 'target') { push @targets, [@words]; }
        elsif ($what eq 'probe') { start_probe(@words); }
        elsif ($what eq 'arrived') { print "arrived $_\n" for sort keys %arrived; print "ok\n"; }
        elsif ($what eq 'end') { exit 0; }
        else { die "unknown request $what\n"; }
    }
}

# ---- listeners ----

sub listen_on {
    ($token, my @ports) = @_;
    for my $port (@ports) {
        my ($number, $protocol) = split m{/}, $port;
        my $socket = $protocol eq 'tcp' ? tcp_socket() : udp_socket();
        # Never for UDP: it would divert datagrams from a service that sets it too.
        setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, pack 'i', 1 if $protocol eq 'tcp';
        if (!bind($socket, sockaddr_in($number, inet_aton($address))) || ($protocol eq 'tcp' && !listen($socket, 64))) {
            print $! == EADDRINUSE ? "busy $port\n" : "failed $port $!\n";
            close $socket;
            next;
        }
        unblocked($socket);
        on_read($socket, $protocol eq 'tcp' ? \&accept_one : sub { answer_datagram($_[0], $port) });
    }
}

sub tcp_socket { socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "no socket: $!\n"; return $socket; }
sub udp_socket { socket(my $socket, PF_INET, SOCK_DGRAM,  0) or die "no socket: $!\n"; return $socket; }

sub accept_one {
    my ($listener) = @_;
    accept(my $socket, $listener) or return;
    syswrite $socket, "$token $name\n";
    # The other side closes first: then no port here has to wait for late packets, and a service can have it at once.
    on_read(unblocked($socket), sub { my $read = sysread $_[0], my $rest, 512; forget($_[0]) unless $read; });
}

sub answer_datagram {
    my ($socket, $port) = @_;
    my $sender = recv($socket, my $text, 512, 0);
    return unless defined $sender && $text =~ /^\Q$token\E ([a-z0-9-]+)$/;
    $arrived{"$1 $port"} = 1;
    send $socket, "$token $name", 0, $sender;
}

# ---- probes ----

sub start_probe {
    my ($seconds) = @_;
    my $start = now();
    $probe = { until => $start + $seconds, mtu_until => $start + 0.8, pending => {}, datagrams => [], sent => $start };
    my $echo = echo_socket();
    my $sequence = 0;
    for my $target (@targets) {
        my ($to, $to_address, @ports) = @$target;
        for my $port (@ports) {
            my ($number, $protocol, $service) = $port =~ m{^(\d+)/(tcp|udp)(\+?)$} or die "bad port $port\n";
            my $key = "$to $number/$protocol";
            $probe->{pending}{$key} = 1;
            my $peer = sockaddr_in($number, inet_aton($to_address));
            $protocol eq 'tcp' ? try_tcp($key, $peer, $to, $service) : try_udp($key, $peer, $to);
        }
        measure($echo, $to, $to_address, \$sequence) if $echo && $to ne $name;
    }
}

sub result {
    my ($key, $outcome) = @_;
    return unless delete $probe->{pending}{$key};
    print "link $key $outcome\n";
}

# From the host's own address, as Consul and Weave Net send too.
sub from_here {
    my ($socket) = @_;
    bind $socket, sockaddr_in(0, inet_aton($address));
    return unblocked($socket);
}

# What the other side said, which should be "TOKEN NAME".
sub greeting {
    my ($text, $to) = @_;
    return 'ok' if $text eq "$token $to";
    return $text =~ /^\Q$token\E ([a-z0-9-]+)$/ ? "answered by $1" : 'answered by a stranger';
}

sub try_tcp {
    my ($key, $peer, $to, $service) = @_;
    my $socket = from_here(tcp_socket());
    if (!connect($socket, $peer) && $! != EINPROGRESS) {
        result($key, lc "$!");
        close $socket;
        return;
    }
    on_write($socket, sub {
        $! = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
        if ($! || $service) {
            result($key, $! ? lc "$!" : 'ok');
            return forget($socket);
        }
        my $text = '';
        on_read($socket, sub {
            my $count = sysread $socket, $text, 512, length $text;
            return if $count && $text !~ s/\n.*//s;
            result($key, greeting($text, $to));
            forget($socket);
        });
    });
}

sub try_udp {
    my ($key, $peer, $to) = @_;
    my $socket = from_here(udp_socket());
    connect $socket, $peer;
    # A refused datagram makes the next call fail, and is then seen when the socket is read.
    my $send = sub { send $socket, "$token $name", 0 };
    push @{ $probe->{datagrams} }, [$key, $send];
    $send->();
    on_read($socket, sub {
        my $from = recv($socket, my $text, 512, 0);
        result($key, defined $from ? greeting($text, $to) : lc "$!");
        forget($socket);
    });
}

# ---- packet size ----

# Echo requests that must not be cut in pieces. The hosts' kernels answer them, so this works beside running services.
sub echo_socket {
    socket(my $socket, PF_INET, SOCK_RAW, getprotobyname('icmp') || 1) or return;
    setsockopt $socket, 0, IP_MTU_DISCOVER, pack 'i', IP_PMTUDISC_PROBE or return;
    on_read(unblocked($socket), \&read_echo);
    return $socket;
}

sub measure {
    my ($echo, $to, $to_address, $sequence) = @_;
    my $udp = from_here(udp_socket());
    connect $udp, sockaddr_in(9, inet_aton($to_address)) or return;
    my $largest = unpack 'i', getsockopt($udp, 0, IP_MTU) || pack 'i', 1500;
    close $udp;
    my $path = $probe->{paths}{$to} = { sent => $largest, answered => 0 };
    for my $size ($largest, grep { $_ < $largest } @sizes) {
        $$sequence++;
        $probe->{echoes}{$$sequence} = [$path, $size];
        my $payload = pack('C2 n3', 8, 0, 0, $$ & 0xffff, $$sequence) . "\0" x ($size - 28);
        substr $payload, 2, 2, pack 'n', checksum($payload);
        send $echo, $payload, 0, sockaddr_in(0, inet_aton($to_address));
    }
}

sub checksum {
    my ($data) = @_;
    $data .= "\0" if length($data) % 2;
    my $sum = unpack '%32n*', $data;
    $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub read_echo {
    my ($socket) = @_;
    while (defined recv($socket, my $packet, 65536, 0)) {
        my $header = 4 * (ord($packet) & 15);
        next if length $packet < $header + 8;
        my ($type, undef, undef, $id, $number) = unpack 'C2 n3', substr $packet, $header, 8;
        next unless $probe && $type == 0 && $id == ($$ & 0xffff) && $probe->{echoes}{$number};
        my ($path, $size) = @{ $probe->{echoes}{$number} };
        $path->{answered} = $size if $size > $path->{answered};
    }
}

# ---- the end of a probe ----

sub finish_probe {
    my $now = now();
    my @paths = values %{ $probe->{paths} || {} };
    my $waiting = %{ $probe->{pending} } && $now < $probe->{until};
    $waiting ||= $now < $probe->{mtu_until} && grep { $_->{answered} < $_->{sent} } @paths;
    if ($waiting) {
        return if $now < $probe->{sent} + 0.25;
        $probe->{sent} = $now;
        for my $datagram (@{ $probe->{datagrams} }) {
            my ($key, $send) = @$datagram;
            $send->() if $probe->{pending}{$key};
        }
        return;
    }
    result($_, 'no answer') for sort keys %{ $probe->{pending} };
    for my $to (sort keys %{ $probe->{paths} || {} }) {
        print "mtu $to $probe->{paths}{$to}{sent} $probe->{paths}{$to}{answered}\n";
    }
    @targets = ();
    undef $probe;
    print "ok\n";
}
