# A NixOS module. In configuration.nix:
#
#   imports = [ ./mailhint/deploy/nixos/mailhint.nix ];
#   services.mailhint = {
#     enable = true;
#     openFirewall = true;
#     settings = {
#       server = { name = "setup.example.com"; tls = "acme"; };
#       domains."example.com" = { imap = "imap.example.com"; smtp = "smtp.example.com"; };
#     };
#   };
{ config, lib, pkgs, ... }:

let
  cfg = config.services.mailhint;
  format = pkgs.formats.toml { };

  generated = format.generate "domains.toml" cfg.settings;

  # A configuration with a mistake is found when the system is built, and not when the service starts. Exit code 3 is for a database that cannot
  # be asked during a build.
  checked = pkgs.runCommand "domains.toml" { nativeBuildInputs = [ cfg.package ]; } ''
    cp ${generated} domains.toml
    mailhint check domains.toml || [ $? = 3 ]
    cp domains.toml $out
  '';

  configFile = if cfg.checkConfig then checked else generated;
in
{
  options.services.mailhint = {
    enable = lib.mkEnableOption "mailhint, settings for mail programs";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.buildGoModule {
        pname = "mailhint";
        version = "unstable";
        src = lib.cleanSource ../..;
        subPackages = [ "cmd/mailhint" ];
        env.CGO_ENABLED = 0;
        ldflags = [ "-s" "-w" ];
        vendorHash = lib.fakeHash; # the first build prints the right one
        doCheck = false;
      };
      defaultText = lib.literalMD "built from this repository";
      description = "The package with the program.";
    };

    settings = lib.mkOption {
      type = format.type;
      default = { };
      description = "The content of domains.toml; `mailhint help config` explains every key.";
    };

    checkConfig = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether to check the configuration when the system is built. Set it to false if the configuration names files that are not there during a build, such as certificates and passwords.";
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to open ports 80 and 443.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc."mailhint/domains.toml".source = configFile;
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ 80 443 ];

    systemd.services.mailhint = {
      description = "Settings for mail programs (autoconfig, Autodiscover)";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      reloadTriggers = [ configFile ];
      serviceConfig = {
        Type = "notify";
        ExecStart = "${lib.getExe' cfg.package "mailhint"} serve --config /etc/mailhint/domains.toml";
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        Restart = "on-failure";
        RestartSec = 5;
        WatchdogSec = 30;
        TimeoutStopSec = 30;
        DynamicUser = true;
        StateDirectory = "mailhint";
        StateDirectoryMode = "0700";
        UMask = "0077";
        AmbientCapabilities = "CAP_NET_BIND_SERVICE";
        CapabilityBoundingSet = "CAP_NET_BIND_SERVICE";
        NoNewPrivileges = true;
        LimitNOFILE = 65536;
        MemoryMax = "1G";
        Environment = "GOMEMLIMIT=900MiB";
        TasksMax = 512;
        MemoryDenyWriteExecute = true;
        LockPersonality = true;
        PrivateDevices = true;
        PrivateMounts = true;
        PrivateTmp = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" "AF_NETLINK" ];
        RemoveIPC = true;
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
        SystemCallErrorNumber = "EPERM";
      };
    };
  };
}
