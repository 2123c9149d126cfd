// dotnet run --project samples/code -- animate models/demo.safetensors samples/source.png samples/driving.png out.png
using Lia;
using Lia.Samples;

switch (args)
{
    case ["animate", string model, string source, string driving, string output]: AnimateFiles.Run(model, source, driving, output); break;
    case ["stream", string model, string source, string driving, string output]: await StreamFrames.Run(model, source, driving, output);
    break;
    case ["memory", string model, string source, string output]: AnimateInMemory.Run(model, source, output); break;
    case ["live", string model, string source, .. string[] pictures]: LiveFrames.Run(model, source, pictures.Select(RgbImage.Load)); break;
    case ["sessions", string model, string driving, .. string[] sources]: await LiveSessions.Run(model, driving, sources); break;
    case ["motion", string model, string source, string driving, string file, string output]: MotionFiles.Run(model, source, driving, file,
        output); break;
    case ["many", string model, string driving, string folder, .. string[] sources]: ManySources.Run(model, driving, folder, sources);
    break;
    case ["paste-back", string model, string picture, string box, string driving, string output]: PasteBack.Run(model, picture, box,
        driving, output); break;
    case ["directions", string model, string source, string output]: MoveAlongDirections.Run(model, source, output); break;
    case ["evaluate", string model, string report, .. string[] clips]: EvaluateClips.Run(model, report, clips); break;
    case ["compare", string a, string b]: ComparePictures.Run(a, b); break;
    case ["convert", string checkpoint, string output]: ConvertCheckpoint.Run(checkpoint, output); break;
    case ["synthetic", string source, string output]: SyntheticModel.Run(source, output); break;
    case ["train", string clips, string run]: TrainModel.Run(clips, run); break;
    case ["kernel", string ptx]: OwnKernel.Run(ptx); break;
    default: Console.Error.WriteLine("Which sample? Program.cs shows them with their arguments."); return 2;
}
return 0;
