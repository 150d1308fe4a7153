# shellcheck shell=bash
# Sourced by each recipe, which is run as `recipe OUT` and fills the directory OUT
# with its piece of the cache (see README.md).

here=$(cd "$(dirname "$0")" && pwd)
export here
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The go.mod and go.sum beside a recipe say what is built, whatever else is set on this machine.
export GOWORK=off GOFLAGS=-buildvcs=false GOOS=linux GOARCH=amd64 CGO_ENABLED=0

go_build() { # FILE PACKAGE [FLAG…]: compiles from the module in the current directory
	local file=$1 package=$2
	shift 2
	go build -trimpath -ldflags '-s -w' "$@" -o "$file" "$package"
}

copy_module() { # MODULE@VERSION DIR: the module's source, to be changed before it is compiled
	cp -r --no-preserve=mode "$(cd / && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" "$2"
	[[ -e $2/go.mod ]] || echo "module ${1%@*}" >"$2/go.mod"
}

debian_sources() { # this machine's own Debian sources, for it knows which mirror it may use
	local file
	for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
		if grep -qs bookworm "$file"; then
			echo "$file"
			return
		fi
	done
}

debian_extract() { # DIR PACKAGE,… [OPTION…]: these packages and all they depend on, unpacked and not configured
	local dir=$1 packages=$2 sources
	shift 2
	sources=$(debian_sources)
	mmdebstrap --variant=extract --architectures=amd64 --include="$packages" "$@" bookworm "$dir" ${sources:+"$sources"}
}

image_root() { # DIR PACKAGE,…: an image's root, with busybox for the everyday commands. Images are loaded onto
	# every new host, so only what runs is kept.
	local dir=$1 applet
	debian_extract "$dir" "busybox,$2"
	rm -rf "$dir"/usr/share/{doc,man,info,locale,lintian,bash-completion,perl5,debconf} "$dir"/usr/lib/*/gconv \
		"$dir"/etc/apt "$dir"/var/{cache,lib}/* "${dir:?}"/dev/*
	mkdir -p "$dir"/{dev,proc,sys,run,tmp,root,bin,sbin,usr/bin,usr/sbin}
	for applet in $(chroot "$dir" /bin/busybox --list-full); do
		[[ -e $dir/$applet || -e $dir/usr/$applet ]] || ln -s /bin/busybox "$dir/$applet"
	done
}

layer() { # DIR FILE: DIR as an image layer; the same content always gives the same bytes
	# shellcheck disable=SC2046  # names without blanks, and without the ./ that some readers of images stumble over
	tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$2" $(ls -A "$1")
}

image() { # FILE REPOTAG CONFIG LAYER…: a file for `docker load` with the given layers, lowest first. CONFIG is the
	# inside of the image's "config" object.
	local file=$1 tag=$2 config=$3 dir layer sum layers="" ids=""
	shift 3
	dir=$(mktemp -d -p "$work")
	for layer in "$@"; do
		sum=$(sha256sum <"$layer") && sum=${sum%% *}
		ln "$layer" "$dir/$sum.tar"
		layers+=${layers:+,}\"$sum.tar\" ids+=${ids:+,}\"sha256:$sum\"
	done
	printf '{"architecture":"amd64","os":"linux","created":"1970-01-01T00:00:00Z","config":{%s},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$config" "$ids" >"$dir/config.json"
	sum=$(sha256sum <"$dir/config.json") && sum=${sum%% *}
	mv "$dir/config.json" "$dir/$sum.json"
	printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":[%s]}]' "$sum" "$tag" "$layers" >"$dir/manifest.json"
	mkdir -p "$(dirname "$file")"
	layer "$dir" "$file"
}

provider() { # NAMESPACE/TYPE VERSION: compiles it to where Terraform and OpenTofu look for it in a filesystem_mirror
	local type=${1#*/} registry
	go_build "$work/provider" "github.com/terraform-providers/terraform-provider-$type"
	for registry in registry.terraform.io registry.opentofu.org; do
		mkdir -p "$out/providers/$registry/$1/$2/linux_amd64"
		ln "$work/provider" "$out/providers/$registry/$1/$2/linux_amd64/terraform-provider-${type}_v$2"
	done
}
