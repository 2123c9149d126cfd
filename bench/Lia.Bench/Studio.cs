using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;

namespace Lia.Bench;

/// <summary>
/// Cameras of 25 frames a second at 256 against a service over loopback: each sends its frames on its clock, whatever comes back, and a
/// frame that is not answered before it would be late counts as such. From message to message, as the client sees it.
/// </summary>
internal static class Studio
{
    private const int Header = 16, Answer = 24;

    public static int Run(string[] arguments) => RunAsync(arguments).GetAwaiter().GetResult();

    private static async Task<int> RunAsync(string[] arguments)
    {
        int[] sessions = arguments.Numbers("--sessions", 1, 10, 50, 100);
        int seconds = arguments.Number("--seconds", 10), rate = arguments.Number("--rate", 25), side = arguments.Number("--side", 256),
            limit = arguments.Number("--limit", 40);
        using Process? service = arguments.Option("--url") is null ? Start(arguments) : null;
        try
        {
            string address = arguments.Option("--url") ?? await AddressAsync(service!).ConfigureAwait(false);
            using HttpClient client = new() { BaseAddress = new(address), Timeout = TimeSpan.FromMinutes(5) };
            JsonElement model = await client.GetFromJsonAsync<JsonElement>("/api/model").ConfigureAwait(false);
            Console.WriteLine($"{model.GetProperty("name")} at {model.GetProperty("size")} on {model.GetProperty("device")}; cameras of "
                + $"{rate} frames/s at {side}, {seconds} s each");
            Console.WriteLine("sessions   sent  answered  late  frames/s  p50 ms  p99 ms  longest ms  network ms  waited ms");
            List<object> rows = [];
            foreach (int count in sessions)
            {
                Row row = await MeasureAsync(client, count, seconds, rate, side, limit).ConfigureAwait(false);
                rows.Add(row);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{row.Sessions,8}{row.Sent,7}{row.Answered,10}{row.Late,6}{row.FramesPerSecond,10:0.0}{row.P50,8:0.0}{row.P99,8:0.0}"
                    + $"{row.Longest,12:0.0}{row.Network,12:0.00}{row.Waited,11:0.00}"));
            }
            if (arguments.Option("--json") is { } file)
                await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new { model, rows })).ConfigureAwait(false);
            return 0;
        }
        finally
        {
            if (service is not null)
            {
                service.StandardInput.Close(); // which ends it
                if (!service.WaitForExit(TimeSpan.FromSeconds(10))) service.Kill();
            }
        }
    }

    private static async Task<Row> MeasureAsync(HttpClient client, int sessions, int seconds, int rate, int side, int limit)
    {
        Camera[] cameras = await Task.WhenAll(Enumerable.Range(0, sessions).Select(i => Camera.OpenAsync(client, i, side)))
            .ConfigureAwait(false);
        try
        {
            // Kernels of every size of a batch are prepared, and the code is compiled.
            await Task.WhenAll(cameras.Select((camera, i) => camera.FilmAsync(TimeSpan.FromSeconds(2), rate, i, sessions)))
                .ConfigureAwait(false);
            foreach (Camera camera in cameras) camera.Forget();
            Stopwatch watch = Stopwatch.StartNew();
            await Task.WhenAll(cameras.Select((camera, i) => camera.FilmAsync(TimeSpan.FromSeconds(seconds), rate, i, sessions)))
                .ConfigureAwait(false);
            double elapsed = watch.Elapsed.TotalSeconds;
            double[] all = [.. cameras.SelectMany(camera => camera.Latencies).Order()];
            int sent = cameras.Sum(camera => camera.Sent);
            return new(sessions, sent, all.Length, all.Count(one => one > limit) + sent - all.Length, all.Length / elapsed,
                At(0.5), At(0.99), At(1), cameras.Average(camera => camera.Network), cameras.Average(camera => camera.Waited));

            double At(double part) => all.Length == 0 ? double.NaN : all[Math.Min(all.Length - 1, (int)(part * all.Length))];
        }
        finally
        {
            foreach (Camera camera in cameras) await camera.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Starts the service: <c>--service FILE</c>, or where published programs lie beside each other.</summary>
    private static Process Start(string[] arguments)
    {
        string[] places =
        [
            Path.Combine(AppContext.BaseDirectory, "..", "Lia.Studio", "lia-studio.dll"),
            Path.Combine(AppContext.BaseDirectory, "studio", "lia-studio.dll"),
            Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", "src", "Studio", "bin", "Release", "net10.0",
                "lia-studio.dll"),
        ];
        string program = arguments.Option("--service") ?? places.FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException(
                "There is no lia-studio.dll here: name it with --service FILE, or a running service with --url.");
        string dotnet = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
        List<string> given = [program, "--port=0", "--page=false", "--until-input-ends=true", "--rate=100000", "--max-sessions=1024",
            $"--data={Directory.CreateTempSubdirectory("lia-bench-").FullName}"];
        foreach (string option in (string[])["device", "model", "precision", "threads"])
            if (arguments.Option($"--{option}") is { } value) given.Add($"--{option}={value}");
        return Process.Start(new ProcessStartInfo(dotnet, given) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
    }

    private static async Task<string> AddressAsync(Process service) =>
        await service.StandardOutput.ReadLineAsync().ConfigureAwait(false)
            ?? throw new InvalidOperationException("The service has ended without an address; what it said stands above.");

    private sealed record Row(
        int Sessions, int Sent, int Answered, int Late, double FramesPerSecond, double P50, double P99, double Longest, double Network,
        double Waited);

    /// <summary>One connection.</summary>
    private sealed class Camera : IAsyncDisposable
    {
        private readonly ClientWebSocket _socket;
        private readonly HttpClient _client;
        private readonly string _source;
        private readonly byte[] _message;
        private readonly byte[] _answer;
        private readonly List<double> _latencies = [];
        private double _network, _waited;
        private uint _sequence;

        private Camera(ClientWebSocket socket, HttpClient client, string source, int number, int side, int size)
        {
            (_socket, _client, _source) = (socket, client, source);
            _message = new byte[Header + 4 * side * side];
            _answer = new byte[Answer + 4 * size * size];
            new Random(number).NextBytes(_message.AsSpan(Header));
            BinaryPrimitives.WriteUInt16LittleEndian(_message.AsSpan(4), (ushort)side);
            BinaryPrimitives.WriteUInt16LittleEndian(_message.AsSpan(6), (ushort)side);
        }

        public int Sent { get; private set; }

        public IReadOnlyList<double> Latencies => _latencies;

        /// <summary>Milliseconds that the network took, on average.</summary>
        public double Network => _network / Math.Max(1, _latencies.Count);

        /// <summary>Milliseconds that frames waited for it.</summary>
        public double Waited => _waited / Math.Max(1, _latencies.Count);

        public static async Task<Camera> OpenAsync(HttpClient client, int number, int side)
        {
            // Every camera has a source of its own: a picture of noise is as much work as a face.
            byte[] bitmap = Bitmap(256, number);
            using MultipartFormDataContent form = new() { { new ByteArrayContent(bitmap), "source", "source.bmp" } };
            using HttpResponseMessage response = await client.PostAsync("/api/sources", form).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                throw new InvalidOperationException(await response.Content.ReadAsStringAsync().ConfigureAwait(false));
            string id = (await response.Content.ReadFromJsonAsync<JsonElement>().ConfigureAwait(false)).GetProperty("id").GetString()!;
            int size = (await client.GetFromJsonAsync<JsonElement>("/api/model").ConfigureAwait(false)).GetProperty("size").GetInt32();
            ClientWebSocket socket = new();
            await socket.ConnectAsync(new($"ws://{client.BaseAddress!.Authority}/api/sources/{id}/camera"), CancellationToken.None)
                .ConfigureAwait(false);
            return new(socket, client, id, number, side, size);
        }

        public void Forget()
        {
            _latencies.Clear();
            (Sent, _network, _waited) = (0, 0, 0);
        }

        /// <summary>Sends frames on a clock for a while, and takes what comes back. Clocks of cameras are spread over a
        /// frame's time.</summary>
        public async Task FilmAsync(TimeSpan time, int rate, int number, int of)
        {
            TimeSpan step = TimeSpan.FromSeconds(1.0 / rate);
            long start = Stopwatch.GetTimestamp();
            uint first = _sequence + 1, last = _sequence + (uint)(time / step);
            Task receiving = Task.Run(() => ReceiveAsync(last));
            for (_sequence = first; ; _sequence++)
            {
                TimeSpan due = step * (_sequence - first) + step * number / of - Stopwatch.GetElapsedTime(start);
                if (due > TimeSpan.Zero) await Task.Delay(due).ConfigureAwait(false);
                BinaryPrimitives.WriteUInt32LittleEndian(_message, _sequence);
                BinaryPrimitives.WriteDoubleLittleEndian(_message.AsSpan(8), Stopwatch.GetTimestamp());
                await _socket.SendAsync(_message.AsMemory(), WebSocketMessageType.Binary, true, CancellationToken.None)
                    .ConfigureAwait(false);
                Sent++;
                if (_sequence == last) break;
            }
            await receiving.ConfigureAwait(false);
        }

        public async ValueTask DisposeAsync()
        {
            using CancellationTokenSource late = new(TimeSpan.FromSeconds(5));
            try
            {
                await _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, late.Token).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is WebSocketException or OperationCanceledException)
            {
                // It has ended already.
            }
            _socket.Dispose();
            using HttpResponseMessage response = await _client.DeleteAsync($"/api/sources/{_source}").ConfigureAwait(false);
        }

        private async Task ReceiveAsync(uint last)
        {
            while (true)
            {
                int length = 0;
                ValueWebSocketReceiveResult result;
                do
                {
                    result = await _socket.ReceiveAsync(_answer.AsMemory(length), CancellationToken.None).ConfigureAwait(false);
                    length += result.Count;
                }
                while (!result.EndOfMessage);
                if (result.MessageType != WebSocketMessageType.Binary)
                    throw new InvalidOperationException($"The service said: {System.Text.Encoding.UTF8.GetString(_answer, 0, length)}");
                long sent = (long)BinaryPrimitives.ReadDoubleLittleEndian(_answer.AsSpan(16));
                _latencies.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
                _network += BinaryPrimitives.ReadSingleLittleEndian(_answer.AsSpan(8));
                _waited += BinaryPrimitives.ReadSingleLittleEndian(_answer.AsSpan(12));
                if (BinaryPrimitives.ReadUInt32LittleEndian(_answer) == last) return; // the last is always answered
            }
        }

        /// <summary>A picture file of noise.</summary>
        private static byte[] Bitmap(int side, int seed)
        {
            const int Head = 54;
            byte[] file = new byte[Head + 3 * side * side];
            new Random(seed).NextBytes(file.AsSpan(Head));
            "BM"u8.CopyTo(file);
            foreach ((int at, int value) in ((int, int)[])[(2, file.Length), (10, Head), (14, 40), (18, side), (22, side),
                (26, 1 | 24 << 16), (34, 3 * side * side)]) BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
            return file;
        }
    }
}
