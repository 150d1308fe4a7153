# shellcheck shell=bash disable=SC2154,SC2164 # variables and set -e of the recipes
# Docker Engine as the packages of Docker's own repository are laid out, in a flat apt repository. Sourced by the recipes
# of docker-ce-28 and docker-ce-29, after lib.sh. Their packages need Debian's containerd and runc; Docker's own need
# containerd.io, which holds both.

# engine_packages VERSION: makes the packages of dockerd, docker-proxy and docker in $work/bin, and of the two units in $work.
engine_packages() {
	local version="5:$1-1~multicast-swarm" engine=$work/docker-ce cli=$work/docker-ce-cli name repository
	repository=$out/mirror/docker-ce-${1%%.*}
	mkdir -p "$engine"/{DEBIAN,usr/bin,lib/systemd/system} "$cli"/{DEBIAN,usr/bin} "$repository"
	mv "$work"/bin/{dockerd,docker-proxy} "$engine/usr/bin/"
	mv "$work/bin/docker" "$cli/usr/bin/"
	cp "$work"/docker.{service,socket} "$engine/lib/systemd/system/"
	control docker-ce "$version" 'containerd, docker-ce-cli, iptables' >"$engine/DEBIAN/control"
	control docker-ce-cli "$version" '' >"$cli/DEBIAN/control"
	cat >"$engine/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
getent group docker >/dev/null || groupadd --system docker
deb-systemd-helper enable docker.service docker.socket >/dev/null
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
deb-systemd-invoke start docker.socket docker.service >/dev/null
END
	cat >"$engine/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
[ "$1" != remove ] || [ ! -d /run/systemd/system ] || deb-systemd-invoke stop docker.service docker.socket >/dev/null
END
	cat >"$engine/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
[ "$1" != purge ] || deb-systemd-helper purge docker.service docker.socket >/dev/null
[ ! -d /run/systemd/system ] || systemctl daemon-reload
END
	chmod 755 "$engine"/DEBIAN/p*
	for name in docker-ce docker-ce-cli; do
		# An epoch does not survive a URL.
		dpkg-deb --root-owner-group -Zxz -z1 -b "$work/$name" "$repository/${name}_${version#*:}_amd64.deb"
	done
	cd "$repository"
	apt-ftparchive packages . >Packages
	gzip -9 -k -n Packages
	apt-ftparchive release . >Release
}

control() { # NAME VERSION DEPENDS
	cat <<END
Package: $1
Version: $2
Architecture: amd64
Maintainer: multicast-swarm <lab@multicast-swarm.invalid>
Description: Docker, built from its source for the lab of multicast-swarm
${3:+Depends: $3
}Section: admin
Priority: optional
END
}
