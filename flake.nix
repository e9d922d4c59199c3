{
  description = "A metrics agent and server in TypeScript on Effect";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      forEachSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});

      manifest = lib.importJSON ./package.json;

      # package-lock.json holds versions and hashes and leaves the registry to
      # whoever installs; importNpmLock wants an address for each package.
      nameOf = path: lib.last (lib.splitString "node_modules/" path);
      addressOf = name: version:
        "https://registry.npmjs.org/${name}/-/${baseNameOf name}-${version}.tgz";
      withAddress = path: package:
        if path == "" || package ? resolved
        then package
        else package // { resolved = addressOf (package.name or (nameOf path)) package.version; };
      lock = lib.importJSON ./package-lock.json;
      packageLock = lock // { packages = lib.mapAttrs withAddress lock.packages; };

      nodejs = pkgs: pkgs.nodejs_22;
      # What node-gyp compiles better-sqlite3 with, beside the compiler of stdenv.
      toolchain = pkgs: [ pkgs.python3 ] ++ lib.optionals pkgs.stdenv.isDarwin [ pkgs.cctools ];
    in
    {
      packages = forEachSystem (pkgs: {
        default = pkgs.buildNpmPackage {
          pname = manifest.name;
          inherit (manifest) version;
          src = self;
          nodejs = nodejs pkgs;
          npmDeps = pkgs.importNpmLock {
            npmRoot = self;
            inherit packageLock;
          };
          npmConfigHook = pkgs.importNpmLock.npmConfigHook;
          npmPackFlags = [ "--ignore-scripts" ];
          nativeBuildInputs = toolchain pkgs;
          meta = {
            inherit (manifest) description;
            license = lib.licenses.mit;
            mainProgram = "metrics-collector";
          };
        };
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [ (nodejs pkgs) ] ++ toolchain pkgs ++ lib.optionals pkgs.stdenv.isLinux [ pkgs.chromium ];
          CHROMIUM = lib.optionalString pkgs.stdenv.isLinux (lib.getExe pkgs.chromium);
        };
      });
    };
}
