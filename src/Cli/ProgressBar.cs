using Spectre.Console;
using Spectre.Console.Rendering;

namespace Lia.Cli;

/// <summary>A progress bar that redraws itself in place and follows the width of the terminal.</summary>
internal sealed class ProgressBar : ProgressReport
{
    private readonly ManualResetEventSlim _done = new();
    private readonly Thread _drawing;
    private readonly Lock _gate = new();
    private AnimationProgress _latest;
    private bool _hasBegun;

    public ProgressBar(TextWriter error)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) });
        _drawing = new Thread(() => Draw(console)) { IsBackground = true, Name = "progress" };
        _drawing.Start();
    }

    public override void Report(AnimationProgress value)
    {
        lock (_gate) (_latest, _hasBegun) = (value, true);
    }

    public override void Dispose()
    {
        _done.Set();
        _drawing.Join();
        _done.Dispose();
        base.Dispose();
    }

    private void Draw(IAnsiConsole console) => console.Progress()
        .AutoClear(true).HideCompleted(false)
        .Columns(new SpinnerColumn(), new ProgressBarColumn(), new Words(this))
        .Start(context =>
        {
            ProgressTask task = context.AddTask("frames");
            task.IsIndeterminate = true;
            while (!_done.Wait(100))
            {
                AnimationProgress latest = Latest(out bool hasBegun);
                if (!hasBegun || latest.Total is not > 0) continue;
                task.IsIndeterminate = false;
                task.MaxValue = latest.Total.Value;
                task.Value = Math.Min(latest.Frames, latest.Total.Value - 0.001); // A task that is complete stops its clock and spinner.
            }
        });

    private AnimationProgress Latest(out bool hasBegun)
    {
        lock (_gate)
        {
            hasBegun = _hasBegun;
            return _latest;
        }
    }

    /// <summary>Frames, rate and time left.</summary>
    private sealed class Words(ProgressBar bar) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            AnimationProgress latest = bar.Latest(out bool hasBegun);
            if (!hasBegun) return new Spectre.Console.Text("loading the model");
            string total = latest.Total is { } count ? $"/{count}" : "";
            return new Spectre.Console.Text($"{latest.Frames}{total} frames, {Describe(latest)}");
        }
    }
}
