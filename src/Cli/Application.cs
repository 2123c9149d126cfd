using System.CommandLine;
using System.CommandLine.Parsing;
using Lia.Cli.Commands;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Weights;

namespace Lia.Cli;

/// <summary>The command line: parses, runs a command, and turns every failure into one line and an exit status.</summary>
internal static class Application
{
    private const string Description = """
        Animates a still picture with the motion of a video (Latent Image Animator).

        Exit status: 0 done; 1 a verification failed, or the program itself did; 2 something given cannot be used
        (an option, a model, a picture, a video, an output); of a manifest or a pack 42 when rows can never succeed,
        75 when some may another time; 130 stopped by Ctrl-C; 141 nobody reads the output pipe any more. Results go to standard output,
        progress and errors to standard error. An output file appears complete or not at all.
        """;

    /// <summary>Runs the program.</summary>
    /// <returns>The exit status (<see cref="ExitCode"/>).</returns>
    public static int Run(string[] arguments, CliContext context)
    {
        // Whatever any command says goes this way.
        context = context with { Output = new TerminalText(context.Output), Error = new TerminalText(context.Error) };
        RootCommand root = new(Description)
        {
            AnimateCommand.Create(context),
            BatchCommand.Create(context),
            MotionCommand.Create(context),
            ManipulateCommand.Create(context),
            EvaluateCommand.Create(context),
            TrainCommand.Create(context),
            VerifyCommand.Create(context),
            ConvertCommand.Create(context),
            InspectCommand.Create(context),
            SynthesizeCommand.Create(context),
            InfoCommand.Create(context),
            DemoCommand.Create(context),
            StudioCommand.CreateStudio(context),
            StudioCommand.CreateServe(context),
        };
        if (arguments.Length == 0) arguments = ["--help"];
        if (arguments[0] == "help") arguments = [.. arguments[1..], "--help"];
        else if (arguments[^1] == "help" && IsCommand(root, arguments.AsSpan(..^1))) arguments = [.. arguments[..^1], "--help"];
        bool isJson = arguments.Contains("--json");
        // A file may be called @something: response files are off.
        ParseResult parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (Misuse(parsed) is { } misuse)
        {
            return Fail(ExitCode.BadInput, $"{misuse} Try {Name(parsed.CommandResult)} --help.");
        }
        try
        {
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = context.Output,
                Error = context.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // Signals are ours.
            });
        }
        catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested)
        {
            return Fail(ExitCode.Cancelled, "stopped; nothing was written");
        }
        catch (MediaException e) when (StandardStreams.IsReaderGone(e))
        {
            return ExitCode.ReaderGone;
        }
        catch (Exception e) when (e is WeightsException or MediaException or ArgumentException or NotSupportedException)
        {
            return Fail(ExitCode.BadInput, e.Message);
        }
        catch (TrainingException e)
        {
            return Fail(ExitCode.Failure, e.Message);
        }
        catch (Exception e) when (e is AcceleratorOutOfMemoryException or CudaException)
        {
            return Fail(ExitCode.BadInput, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(ExitCode.BadInput, e.Message);
        }
        catch (OutOfMemoryException)
        {
            return Fail(ExitCode.BadInput, "there is not enough memory for this model and these pictures");
        }
#pragma warning disable CA1031 // The last resort: a fault of the program is told in full, to be reported.
        catch (Exception e)
        {
            context.Error.Write($"lia: internal error: {e}{Environment.NewLine}");
            return Answer(ExitCode.Failure, $"internal error: {e.Message}");
        }
#pragma warning restore CA1031

        int Fail(int status, string message)
        {
            string line =
                string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            context.Error.WriteLine($"lia: {line}");
            return Answer(status, line);
        }

        int Answer(int status, string line)
        {
            // Whoever reads JSON finds some, where the result would be: not among frames on standard output.
            if (isJson)
            {
                bool isPiped = parsed.GetResult("--output") is OptionResult { Tokens: [{ Value: PipeOptions.Standard }] };
                JsonOutput.Write(isPiped ? context.Error : context.Output, json =>
                {
                    json.WriteString("error", line);
                    json.WriteNumber("exitStatus", status);
                });
            }
            return status;
        }
    }

    /// <summary>What is wrong with the command line, or null.</summary>
    private static string? Misuse(ParseResult parsed)
    {
        if (parsed.Tokens.Any(token => token.Value.Length == 0)) return "An argument is empty.";
        if (UnknownOption(parsed) is { } option) return NotUnderstood(parsed, option);
        // A word too many often makes other complaints; it is the cause. Where a command is to come, help is not of another one.
        bool isCommand = parsed.CommandResult.Command.Subcommands.Count > 0;
        if (parsed.UnmatchedTokens.Count > 0 && (parsed.Errors.Count > 0 || isCommand))
            return NotUnderstood(parsed, parsed.UnmatchedTokens[0]);
        return parsed.Errors.Count > 0 ? parsed.Errors[0].Message : null;
    }

    /// <summary>An option that there is not, which the parser takes for a file where one may stand, and what follows it for a word too
    /// many. After <c>--</c> files may be called like options.</summary>
    private static string? UnknownOption(ParseResult parsed)
    {
        Token[] files = [.. parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens)];
        return parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(token => token.Value is ['-', _, ..] && files.Any(file => ReferenceEquals(file, token)))?.Value;
    }

    /// <summary>Whether words are a command's: <c>motion</c>, <c>motion extract</c>.</summary>
    private static bool IsCommand(Command command, ReadOnlySpan<string> words)
    {
        foreach (string word in words)
        {
            if (command.Subcommands.FirstOrDefault(inner => inner.Name == word) is not { } found) return false;
            command = found;
        }
        return true;
    }

    private static string NotUnderstood(ParseResult parsed, string word)
    {
        Command command = parsed.CommandResult.Command;
        IEnumerable<string> known = word.StartsWith('-') ? command.Options.Where(option => !option.Hidden).Select(option => option.Name)
            : command.Subcommands.Select(inner => inner.Name);
        string hint = command.Options.FirstOrDefault(option => option.Name == $"--{word}") is { } meant ? $" Did you mean '{meant.Name}'?"
            : Spelling.Hint(word.Split('=')[0], known);
        bool namesOutput = hint.Length == 0 && !word.StartsWith('-')
            && command.Options.FirstOrDefault(option => option.Name == "--output") is { } output
            && parsed.GetResult(output) is null or { Implicit: true };
        return $"'{word}' is not understood.{(namesOutput ? $" The output is named by -o: -o {word}." : hint)}";
    }

    /// <summary>A command as it is typed: <c>lia motion extract</c>.</summary>
    private static string Name(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{Name(parent)} {result.Command.Name}" : "lia";

}
