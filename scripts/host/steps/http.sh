# What is asked of a program on this host over HTTP. Its own command would do, but is large, or starts a container for each
# question. Sourced by lib.sh; in what is sent alone, it stands in front of that.
# shellcheck shell=sh

# http_ask METHOD ADDRESS PORT PATH [STATUS|…]: what is answered; fails unless the status is one of these. Without any, the
# status stands in a line before the answer. Standard input has Consul's token in its first line, or nothing, and below it
# what is sent: no argument of a program has either. Hosts need not have curl.
http_ask() {
  perl -MIO::Socket::INET -e '
    alarm 20;
    my ($method, $address, $port, $path, $wanted) = @ARGV;
    chomp(my $token = <STDIN> // "");
    local $/;
    my $body = <STDIN> // "";
    my $program = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 10) or exit 1;
    my @lines = ("$method $path HTTP/1.0", "Accept: application/json", "Content-Length: " . length $body);
    push @lines, "X-Consul-Token: $token" if $token;
    print $program join("\r\n", @lines, "", $body);
    my ($status, $answer) = (<$program> // "") =~ m{^HTTP/\S+ (\d+) .*?\r\n\r\n(.*)}s or exit 1;
    exit 1 if $wanted && $status !~ /^(?:$wanted)$/;
    print $wanted ? $answer : "$status\n$answer";' "$@"
}

# connects ADDRESS PORT: something there accepts a connection.
connects() {
  perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 3)' "$@"
}

# http_get ADDRESS PORT PATH [STATUS|…]: what is answered; fails unless all is well.
http_get() { http_ask GET "$1" "$2" "$3" "${4:-200}" </dev/null; }
