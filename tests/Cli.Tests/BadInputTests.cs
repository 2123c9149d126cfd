using System.Buffers.Binary;

namespace Lia.Cli.Tests;

/// <summary>Whatever is wrong: exit status 2, one line on standard error that names it, and no file.</summary>
public class BadInputTests(Workspace files) : IClassFixture<Workspace>
{
    /// <summary>SOURCE, DRIVING, MODEL and FOLDER stand for good ones.</summary>
    public static TheoryData<string, string> CommandLines => new()
    {
        { "bogus", "'bogus' is not understood" },
        { "--bogus", "'--bogus' is not understood" },
        { "animate", "--output" },
        { "animate SOURCE DRIVING x.png -o x.png -m MODEL", "x.png' is not understood" },
        { "animaet SOURCE DRIVING -o x.png", "'animaet' is not understood. Did you mean 'animate'?" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --smoth 3", "'--smoth' is not understood. Did you mean '--smooth'?" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --mode relativ", "not 'relativ'. Did you mean 'relative'?" },
        { "anmate", "'anmate' is not understood. Did you mean 'animate'?" },
        { "help anmate", "'anmate' is not understood. Did you mean 'animate'?" },
        { "help motion extrct", "'extrct' is not understood. Did you mean 'extract'?" },
        { "ANIMATE SOURCE DRIVING -o x.png", "'ANIMATE' is not understood. Did you mean 'animate'?" },
        { "version", "'version' is not understood. Did you mean '--version'?" },
        { "animate --devce cpu SOURCE DRIVING -o x.png", "'--devce' is not understood. Did you mean '--device'?" },
        { "animate --devce DRIVING -o x.png", "'--devce' is not understood. Did you mean '--device'?" },
        { "animate SOURCE DRIVING --devce=cpu -o x.png", "'--devce=cpu' is not understood. Did you mean '--device'?" },
        { "animate SOURCE DRIVING -o x.png --DEVICE cpu", "'--DEVICE' is not understood. Did you mean '--device'?" },
        { "animate SOURCE DRIVING -o x.png --device cuad", "not 'cuad'. Did you mean 'cuda'?" },
        { "animate SOURCE DRIVING -o x.png -- -more", "'-more' is not understood." },
        { "animate -o x.png -m MODEL -- --devce DRIVING", "--devce: there is no such file" },
        { "batch --drivng DRIVING SOURCE -o x.xyz", "'--drivng' is not understood. Did you mean '--driving'?" },
        { "animate SOURCE DRIVING out", "'out' is not understood. The output is named by -o: -o out." },
        { "motion extract DRIVING x.safetensors", "The output is named by -o: -o " },
        { "animate SOURCE DRIVING more.mp4 -o x.png", "'more.mp4' is not understood. Try" },
        { "animate SOURCE DRIVING x.mp4", "'x.mp4' is not understood. The output is named by -o: -o x.mp4." },
        { "animate SOURCE DRIVING -o x.png -m MODEL --background clear", "--background is a color such as #3c6e71 or white, not 'clear'" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --weights g_ema", "there is no generator called 'g_ema' in it" },
        { "animate SOURCE DRIVING -o x.png -m nothing.pt", "nothing.pt: there is no such file" },
        { "animate SOURCE DRIVING -o x.png -m SOURCE", "neither a safetensors file nor a PyTorch checkpoint" },
        { "animate SOURCE DRIVING -o x.png -m FOLDER", "it is a folder" },
        { "animate nothing.png DRIVING -o x.png -m MODEL", "nothing.png: there is no such file" },
        { "animate SOURCE nothing.mp4 -o x.png -m MODEL", "nothing.mp4: there is no such file" },
        { "animate one.txt DRIVING -o x.png -m MODEL", "one.txt" },
        { "animate huge.png DRIVING -o x.png -m MODEL", "20000x20000 is too large" },
        { "animate SOURCE empty -o x.png -m MODEL", "empty" },
        { "animate SOURCE DRIVING -o x.xyz -m MODEL", ".xyz is not known" },
        { "animate SOURCE DRIVING -o no/such/folder/x.png -m MODEL", "no folder" },
        { "animate SOURCE DRIVING -o SOURCE -m MODEL", "would replace the source" },
        { "animate SOURCE SOURCE -o ./source.png -m MODEL", "would replace the source" },
        { "animate SOURCE DRIVING -o x.png --dump x.png -m MODEL", "would replace the output" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --frames 5:2", "--frames is A:B" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --frames 3", "--frames is A:B" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --frames -3:4", "--frames is A:B" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --frames 10:", "10 frames" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --device gpu",
            "--device is auto, cpu, cuda, cuda:N, cuda:N,M, cuda:all or ilgpu, not 'gpu'" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --device cuda:1,1", "--device names GPU 1 twice in 'cuda:1,1'" },
        { "verify golden.safetensors --device cuda:0,1", "is several GPUs; a verification looks at one" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --device cuda", "cuda" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --mode 1", "--mode is auto, relative or absolute, not '1'" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --strength NaN", "--strength is a number from -100 to 100" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --batch 0", "--batch is a number from 1 to 256" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --batch 1.5", "--batch is a number from 1 to 256" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --fps 0", "--fps is a rate" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --crop 1,2,3", "--crop is X,Y,W,H" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --crop 60,0,5,5",
            "source.png: the crop 60,0,5,5 reaches beyond the picture, which is 64x64" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --driving-crop some", "--driving-crop is auto or X,Y,W,H" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --driving-crop 0,0,64,65",
            "the crop 0,0,64,65 reaches beyond the picture, which is 64x64" },
        { "animate SOURCE SOURCE -o x.png -m MODEL --driving-crop auto", "nothing moves in it" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --paste-back --side-by-side", "exclude each other" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --paste-back --normalize minmax", "would not match" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --quality 50", "x.png: every pixel is kept in such an output" },
        { "batch SOURCE --driving DRIVING -o x.xyz -m MODEL --format frames --quality 50", "every pixel is kept in such an output" },
        { "animate SOURCE DRIVING -o x.mp4 -m MODEL --quality 0", "--quality is a number from 1 to 100, not '0'" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --size 10000", "--size is a number from 1 to 8192, not '10000'" },
        { "animate FOLDER DRIVING -o x.png -m MODEL", "it is a folder" },
        { "animate one.txt DRIVING -o x.png -m MODEL --source-video", "one.txt" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --input-size 64", "--input-size is WxH" },
        { "animate SOURCE SOURCE -o x.png -m MODEL --input-format yuv4mpeg", "source.png: at byte 0: it is not a yuv4mpeg stream" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --output-format rgb24", "is for a stream, .y4m and .rgb" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --output-format y4m",
            "--output-format is auto, yuv4mpeg, yuv4mpeg420 or rgb24, not 'y4m'" },
        { "animate - DRIVING -o x.png -m MODEL", "-: there is no such file" },
        { "animate SOURCE DRIVING -o x.png -m ''", "An argument is empty" },
        { "animate SOURCE -o x.png -m MODEL", "give DRIVING or --motion" },
        { "animate SOURCE DRIVING --motion MODEL -o x.png -m MODEL", "DRIVING or --motion, not both" },
        { "animate SOURCE --motion MODEL -o x.png -m MODEL", "it is not a motion file" },
        { "animate SOURCE --motion SOURCE -o x.png -m MODEL", "source.png" },
        { "animate SOURCE --motion nothing.safetensors -o x.png -m MODEL", "nothing.safetensors: there is no such file" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --smooth 4", "--smooth is an odd number from 1 to 255, not '4'" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --start-frame 10 -q", "frame 10 cannot be the start frame; those used are 0 to 9" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --start-frame first", "--start-frame is best or a frame number, not 'first'" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --start-frame best --mode absolute", "the motion here is absolute" },
        { "animate SOURCE DRIVING -o x.png -m MODEL --loop 0", "--loop is a number from 1 to 10000" },
        { "motion", "Try lia motion --help" },
        { "motion extract", "Try lia motion extract --help" },
        { "motion extract DRIVING -o x.png -m MODEL", "must end in .safetensors" },
        { "motion extract DRIVING -o MODEL -m MODEL", "the output would replace the model" },
        { "motion extract DRIVING -o no/such/x.safetensors -m MODEL", "no folder" },
        { "motion extract nothing.mp4 -o x.safetensors -m MODEL", "nothing.mp4: there is no such file" },
        { "motion extract DRIVING -o x.safetensors -m MODEL --start-frame best", "best depends on the source" },
        { "motion extract DRIVING -o x.safetensors -m MODEL --start-frame 10 -q", "frame 10 cannot be the start frame" },
        { "motion extract DRIVING -o x.safetensors -m MODEL --frames 20:", "none from frame 20 on" },
        { "batch SOURCE -o x.xyz -m MODEL", "give --driving or --motion" },
        { "batch --driving DRIVING -o x.xyz -m MODEL", "SOURCE" },
        { "batch SOURCE --driving DRIVING -o SOURCE -m MODEL", "it is a file; the output is a folder" },
        { "batch FOLDER --driving DRIVING -o FOLDER -m MODEL", "choose another for the outputs" },
        { "batch SOURCE SOURCE --driving DRIVING -o x.xyz -m MODEL", "and so would that of" },
        { "batch SOURCE --driving nothing.mp4 -o x.xyz -m MODEL", "nothing.mp4: there is no such file" },
        { "batch SOURCE --driving DRIVING -o x.xyz -m nothing.pt", "nothing.pt: there is no such file" },
        { "batch SOURCE --driving DRIVING -o x.xyz -m MODEL --format avi",
            "--format is mp4, mov, mkv, webm, gif, webp, png, apng, y4m, rgb or frames, not 'avi'" },
        { "batch nothing.png --driving DRIVING -o x.xyz -m MODEL -q", "nothing.png: there is no such file" },
        { "manipulate SOURCE -o x.png -m MODEL", "give --direction, --sweep or --sheet" },
        { "manipulate -o x.png -m MODEL -d 1", "SOURCE" },
        { "manipulate SOURCE -o x.png -m nothing.pt -d 1", "nothing.pt: there is no such file" },
        { "manipulate nothing.png -o x.png -m MODEL -d 1", "nothing.png: there is no such file" },
        { "manipulate SOURCE -o x.png -m MODEL -d 5", "no motion direction 5: this model's are 0 to 4" },
        { "manipulate SOURCE -o x.png -m MODEL -s 1 -d 99", "no motion direction 99: this model's are 0 to 4" },
        { "manipulate SOURCE -o x.png -m MODEL --sheet -s 5", "no motion direction 5: this model's are 0 to 4" },
        { "manipulate SOURCE -o x.png -m MODEL -d -1", "not '-1'" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1:", "--direction is I or I:DELTA" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1:NaN", "--direction is I or I:DELTA" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1:101", "a number from -100 to 100, not '1:101'" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1 -d 2:1:1", "not '2:1:1'" },
        { "manipulate SOURCE -o x.png -m MODEL -s 1:2", "--sweep is I or I:FROM:TO:STEPS" },
        { "manipulate SOURCE -o x.png -m MODEL -s 1:-3:3:1", "2 to 1000 steps, not '1:-3:3:1'" },
        { "manipulate SOURCE -o x.png -m MODEL -s 1:-3:x:16", "not '1:-3:x:16'" },
        { "manipulate SOURCE -o x.png -m MODEL --sheet -s 1 -s 2:-3:3:16", "must have the same deltas" },
        { "manipulate SOURCE -o x.png -m MODEL --sheet -s 1:0:1:1000 -s 2:0:1:1000 -s 1:0:1:1000 -s 2:0:1:1000 -s 1:0:1:1000 -s "
            + "2:0:1:1000 -s 1:0:1:1000 -s 2:0:1:1000 -s 1:0:1:1000 -s 2:0:1:1000 -s 1:0:1:1000 -s 2:0:1:1000 -s 1:0:1:1000 -s 2:0:1:1000 "
            + "-s 1:0:1:1000 -s 2:0:1:1000 -s 1:0:1:1000", "take fewer sweeps or steps" },
        { "manipulate SOURCE -o x.mp4 -m MODEL -d 1", "must end in .png" },
        { "manipulate SOURCE -o x.mp4 -m MODEL --sheet", "must end in .png" },
        { "manipulate SOURCE -o x.xyz -m MODEL -s 1", ".xyz is not known" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1 --batch 0", "--batch is a number from 1 to 256" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1 --precision half", "--precision is auto, exact or fast" },
        { "manipulate SOURCE -o x.png -m MODEL -d 1 --fps 5", "--fps is for a sweep" },
        { "manipulate SOURCE -o SOURCE -m MODEL -d 1", "would replace the source" },
        { "manipulate SOURCE -o no/such/folder/x.png -m MODEL -d 1", "no folder" },
        { "evaluate", "There is no clip: give CLIP, or --manifest." },
        { "evaluate nothing.mp4 -m MODEL", "nothing.mp4: there is no such file or folder" },
        { "evaluate DRIVING empty -m MODEL", "empty: there is no clip in the folder" },
        { "evaluate DRIVING -o x.txt -m MODEL", "x.txt: the report is JSON" },
        { "evaluate DRIVING -o odd.json -m MODEL", "this is no report of an evaluation" },
        { "evaluate DRIVING -m MODEL --lpips SOURCE", "neither a safetensors file nor a PyTorch checkpoint" },
        { "evaluate DRIVING -m MODEL --lpips MODEL", "there is no tensor 'features.0.weight'; LPIPS needs AlexNet's features.* and" },
        { "verify MODEL", "not a reference file" },
        { "verify nothing.safetensors", "there is no such file" },
        { "verify MODEL --device cuda", "cuda" },
        { "convert MODEL x.pt", "must end in .safetensors" },
        { "convert SOURCE x.safetensors", "neither a safetensors file nor a PyTorch checkpoint" },
        { "convert MODEL x.safetensors --dtype f64", "--dtype is keep, f32, f16 or bf16, not 'f64'" },
        { "convert MODEL no/such/x.safetensors", "no folder" },
        { "inspect nothing.pt", "there is no such file" },
        { "inspect", "FILE" },
        { "synthesize --size 100 -o x.safetensors", "--size is 64, 128, 256, 512 or 1024, not '100'" },
        { "synthesize --size 64 --seed -1 -o x.safetensors", "--seed is a number from 0" },
        { "synthesize --size 64 -o x.bin", "must end in .safetensors" },
        { "demo -o x.xyz", "must end in .png" },
        { "info more", "'more' is not understood" },
        { "@file", "'@file' is not understood" },
    };

    [Theory, MemberData(nameof(CommandLines))]
    public void Bad_input_is_named_in_one_line(string line, string message)
    {
        WriteOddFiles();
        string[] arguments = [.. line.Split(' ').Select(word => word switch
        {
            "SOURCE" => files.Source,
            "DRIVING" => files.Driving,
            "MODEL" => files.Model,
            "FOLDER" => files.Folder,
            "''" => "",
            "x.png" or "x.xyz" or "x.safetensors" or "x.pt" or "x.bin" or "one.txt" or "huge.png" or "empty" or "odd.json"
                or "./source.png" => files.At(word),
            _ => word,
        })];
        string[] before = Directory.GetFileSystemEntries(files.Folder);
        Outcome outcome = CliRunner.Run(arguments);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Equal("", outcome.Output);
        string error = Assert.Single(outcome.ErrorLines);
        Assert.StartsWith("lia: ", error);
        Assert.Contains(message, error);
        Assert.Equal(before.Order(), Directory.GetFileSystemEntries(files.Folder).Order());
    }

    private void WriteOddFiles()
    {
        File.WriteAllText(files.At("one.txt"), "one");
        File.WriteAllText(files.At("odd.json"), "{}");
        Directory.CreateDirectory(files.At("empty"));
        // A true PNG header of 20000x20000; what follows it does not matter.
        using FileStream png = File.Create(files.At("huge.png"));
        png.Write([0x89, .. "PNG\r\n\x1a\n"u8]);
        byte[] header = new byte[17];
        "IHDR"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), 20000);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8), 20000);
        (header[12], header[13]) = (8, 2);
        png.Write([0, 0, 0, 13, .. header]);
        byte[] crc = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(crc, Crc32(header));
        png.Write(crc);
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }
        return ~crc;
    }
}
