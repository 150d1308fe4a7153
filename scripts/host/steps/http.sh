# What is asked of a program on this host over HTTP. Its own command would do, but is large, or starts a container for each
# question. Sourced by lib.sh; in what is sent alone, it stands in front of that.
# shellcheck shell=sh

# http_get ADDRESS PORT PATH [STATUS|…]: what is answered; fails unless all is well. Hosts need not have curl.
http_get() {
  perl -MIO::Socket::INET -e '
    alarm 20;
    my ($address, $port, $path, $status) = (@ARGV, 200);
    my $agent = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 10) or exit 1;
    print $agent "GET $path HTTP/1.0\r\nAccept: application/json\r\n\r\n";
    local $/;
    my $answer = <$agent> // "";
    exit 1 unless $answer =~ s{^HTTP/\S+ (?:$status) .*?\r\n\r\n}{}s;
    print $answer;' "$@"
}
