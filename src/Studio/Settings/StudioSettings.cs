using System.Globalization;

namespace Lia.Studio.Settings;

/// <summary>What the service was started with: <c>--name value</c> or <c>--name=value</c> of the command line; <c>lia studio</c> and
/// <c>lia serve</c> give it on.</summary>
internal sealed record StudioSettings
{
    /// <summary>Where the token may stand instead of the command line, which others on the machine can read.</summary>
    public const string TokenVariable = "LIA_TOKEN";

    private static readonly string[] Known =
    [
        "port", "host", "token", "model", "demonstration", "weights", "device", "precision", "threads", "batch", "data", "page", "browser",
        "otlp", "log", "disk-budget", "max-upload", "max-queue", "max-sessions", "max-frames", "max-seconds", "rate", "until-input-ends",
        // What the host itself is told by tests.
        "environment", "contentRoot", "applicationName", "urls",
    ];

    /// <summary>The port; 0 takes one that is free.</summary>
    public int Port { get; init; } = 5170;

    /// <summary>The address or name to listen on; null is this machine alone.</summary>
    public string? Host { get; init; }

    /// <summary>What a client must know; null lets everybody in who is on this machine.</summary>
    public string? Token { get; init; }

    /// <summary>The model and the device.</summary>
    public required ModelOptions Model { get; init; }

    /// <summary>Whether it is the demonstration model, because none was named.</summary>
    public bool IsDemonstration { get; init; }

    /// <summary>What makes <c>lia</c> load the same: <c>--model FILE</c> and so on.</summary>
    public required IReadOnlyList<string> ModelArguments { get; init; }

    /// <summary>The folder of animations and uploads.</summary>
    public required string Data { get; init; }

    /// <summary>Whether the page is served.</summary>
    public bool HasPage { get; init; } = true;

    /// <summary>Whether a browser is opened.</summary>
    public bool OpensBrowser { get; init; }

    /// <summary>Where measurements are sent by OTLP; null sends none.</summary>
    public Uri? Otlp { get; init; }

    /// <summary>Whether log lines are JSON.</summary>
    public bool LogsJson { get; init; }

    /// <summary>Bytes of results that are kept.</summary>
    public long DiskBudget { get; init; } = 10L << 30;

    /// <summary>Bytes of an uploaded file.</summary>
    public long MostUpload { get; init; } = 256L << 20;

    /// <summary>Animations that wait.</summary>
    public int MostQueued { get; init; } = 64;

    /// <summary>Live connections.</summary>
    public int MostSessions { get; init; } = 256;

    /// <summary>Frames of a driving clip.</summary>
    public int MostFrames { get; init; } = 9000;

    /// <summary>Seconds that reading an upload may take.</summary>
    public int MostSeconds { get; init; } = 120;

    /// <summary>Requests a second that a client may go on making.</summary>
    public int Rate { get; init; } = 200;

    /// <summary>Whether the end of standard input ends the service: the program that started it has gone.</summary>
    public bool EndsWithInput { get; init; }

    /// <summary>Sources that are kept, and driving clips.</summary>
    public (int Sources, int Drivings) MostKept { get; init; } = (128, 16);

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">Something is not understood; the message says what.</exception>
    public static StudioSettings Read(IReadOnlyList<string> arguments)
    {
        Dictionary<string, string> given = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            string word = arguments[i];
            if (!word.StartsWith("--", StringComparison.Ordinal)) throw new ArgumentException($"'{word}' is not understood.");
            string[] parts = word[2..].Split('=', 2);
            if (!Known.Contains(parts[0])) throw new ArgumentException($"--{parts[0]} is not understood.");
            if (parts.Length == 1 && ++i == arguments.Count) throw new ArgumentException($"--{parts[0]} needs a value.");
            given[parts[0]] = parts.Length == 2 ? parts[1] : arguments[i];
        }
        string? host = given.GetValueOrDefault("host"),
            token = given.GetValueOrDefault("token") ?? Environment.GetEnvironmentVariable(TokenVariable);
        if (string.IsNullOrEmpty(token)) token = null;
        if (host is not null && token is null)
            throw new ArgumentException("--host lets other machines in, and then nobody without a token: give --token too, or set "
                + $"{TokenVariable}.");
        if (token is { Length: < 8 }) throw new ArgumentException("--token is too short to be one: give 8 characters or more.");
        if (token is not null && token.Any(letter => letter is <= ' ' or > '~' or ';' or ','))
            throw new ArgumentException("--token is printable ASCII without spaces, commas and semicolons.");
        string model = given.GetValueOrDefault("model") ?? given.GetValueOrDefault("demonstration") ?? DemonstrationModel;
        string? generator = given.GetValueOrDefault("weights");
        Device device = default;
        if (given.TryGetValue("device", out string? name) && Device.Read(name, out device) is { } problem)
            throw new ArgumentException($"--device {problem}");
        Precision precision = given.TryGetValue("precision", out string? exactness)
            ? Enum.TryParse(exactness, ignoreCase: true, out Precision parsed) && Enum.IsDefined(parsed) ? parsed
                : throw new ArgumentException($"--precision is auto, exact or fast, not '{exactness}'.")
            : default;
        StudioSettings unset = new() { Model = new(), Data = "", ModelArguments = [] };
        return new()
        {
            Port = Number("port", unset.Port, 0, 65535),
            Host = host,
            Token = token,
            Model = new()
            {
                Model = model,
                Generator = generator,
                Device = device,
                Precision = precision,
                Threads = Number("threads", 0, 0, 1024),
                Batch = Number("batch", 0, 0, 256),
            },
            IsDemonstration = !given.ContainsKey("model"),
            // What is left out is lia's own choice, too.
            ModelArguments = [.. ((string[])["model", "weights", "device", "precision", "threads", "batch"]).Where(given.ContainsKey)
                .SelectMany(key => (string[])[$"--{key}", given[key]])],
            Data = Path.GetFullPath(given.GetValueOrDefault("data") ?? DefaultData),
            HasPage = Yes("page", unset.HasPage),
            OpensBrowser = Yes("browser", unset.OpensBrowser),
            Otlp = given.TryGetValue("otlp", out string? collector)
                ? Uri.TryCreate(collector, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? address
                    : throw new ArgumentException(
                        $"--otlp is the address of a collector, such as http://localhost:4317, not '{collector}'.")
                : null,
            LogsJson = given.TryGetValue("log", out string? log)
                && (log is "json" or "text" ? log == "json" : throw new ArgumentException($"--log is text or json, not '{log}'.")),
            DiskBudget = (long)Number("disk-budget", (int)(unset.DiskBudget >> 20), 1, 1 << 30) << 20,
            MostUpload = (long)Number("max-upload", (int)(unset.MostUpload >> 20), 1, 1 << 20) << 20,
            MostQueued = Number("max-queue", unset.MostQueued, 1, 100_000),
            MostSessions = Number("max-sessions", unset.MostSessions, 1, 100_000),
            MostFrames = Number("max-frames", unset.MostFrames, 1, 1_000_000),
            MostSeconds = Number("max-seconds", unset.MostSeconds, 1, 86_400),
            Rate = Number("rate", unset.Rate, 1, 1_000_000),
            EndsWithInput = Yes("until-input-ends", false),
        };

        int Number(string key, int otherwise, int least, int most) =>
            !given.TryGetValue(key, out string? text) ? otherwise
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most ? value
            : throw new ArgumentException($"--{key} is a number from {least} to {most}, not '{text}'.");

        bool Yes(string key, bool otherwise) =>
            !given.TryGetValue(key, out string? text) ? otherwise
            : bool.TryParse(text, out bool value) ? value
            : throw new ArgumentException($"--{key} is true or false, not '{text}'.");
    }

    private static string DemonstrationModel
    {
        get
        {
            string path = Path.Combine(AppContext.BaseDirectory, "demo", "demo.safetensors");
            return File.Exists(path) ? path : throw new ArgumentException("No model is named: give --model FILE.");
        }
    }

    private static string DefaultData =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
            "lia", "studio");
}
